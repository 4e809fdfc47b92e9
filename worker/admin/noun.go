package admin

import "strings"

func article(noun string) string {
	switch noun[0] {
	case 'A', 'E', 'I', 'O', 'U', 'a', 'e', 'i', 'o', 'u':
		return "an " + noun
	}
	return "a " + noun
}

// capital is a noun as a label begins with it.
func capital(noun string) string { return strings.ToUpper(noun[:1]) + noun[1:] }
