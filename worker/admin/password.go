package admin

import "multiproc/store"

const passwordHelp = "At least 8 characters. A few words that nobody else would put together are easy to remember."

func passwordFields() []*field {
	return []*field{
		{Name: "password", Label: "Password", Kind: "password", Required: true, Autocomplete: "new-password", Help: passwordHelp},
		{Name: "again", Label: "Password again", Kind: "password", Required: true, Autocomplete: "new-password"},
	}
}

// newPassword is the hash of the password that a form gives twice, or the form says what is wrong with it.
func (r *request) newPassword(f *form) (store.PasswordHash, error) {
	if r.checkAgain(f); f.Bad() {
		return "", nil
	}
	hash, err := r.admin.store.HashPassword(r.Context(), r.PostForm.Get("password"))
	if err != nil && f.blame(err, "") {
		return "", nil
	}
	return hash, err
}

// checkAgain sees to it that a form gives the new password twice.
func (r *request) checkAgain(f *form) {
	if r.PostForm.Get("password") != r.PostForm.Get("again") {
		f.problem("again", "is not the same")
	}
}
