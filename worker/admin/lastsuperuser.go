package admin

import "errors"

// errLastSuperuser says why a change is refused that would leave nobody who can manage users.
var errLastSuperuser = errors.New("this is the last active superuser")

// keepSuperuser fails where the transaction has left no active superuser. Writers take turns, so that two who take each
// other's right away cannot both succeed.
func (c *change) keepSuperuser() error {
	n, err := c.ActiveSuperusers()
	if err == nil && n == 0 {
		err = errLastSuperuser
	}
	return err
}

// blameLastSuperuser shows that the last active superuser stays one, if that is the error.
func (f *form) blameLastSuperuser(err error) bool {
	if !errors.Is(err, errLastSuperuser) {
		return false
	}
	f.Fault = "This is the last active superuser: nobody else could manage users any more."
	return true
}
