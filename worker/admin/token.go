package admin

func (a *Admin) tokenRoutes() []route { return nil }
