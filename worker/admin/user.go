package admin

func (a *Admin) userRoutes() []route { return nil }
