package admin

func (a *Admin) accountRoutes() []route { return nil }
