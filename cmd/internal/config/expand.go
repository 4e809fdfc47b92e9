package config

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxExpanded is the maximum size of an expanded value, and of a file in @(file), in bytes: repeated, expansion can turn a few lines
// into many bytes.
const maxExpanded = 64 << 10

// expander replaces references in one value, from left to right. It does not look at replacements again.
//
//	%(key)           the value of a key that is set above
//	$(NAME)          an environment variable, which must be set
//	$(NAME-other)    other if it is not set
//	$(NAME:-other)   other if it is not set or empty
//	@(file)          the text of a file, without its last newline; relative to the ini file's directory
//	%n and so on     see magic
//
// A doubled sign stands for itself: %%, $$( and @@(. References in other and in file are replaced too.
type expander struct {
	sys     *system
	ini     *inclusion                       // the file being read; nil on the command line
	first   *inclusion                       // the file that the command line names
	lookup  func(key string) (string, error) // the value of a key that is set above
	rest    string
	size    int      // bytes inserted so far, including those dropped again
	escaped bool     // $$(, @@( or %%( was read, which uWSGI does not take literally
	located bool     // a part of the ini file's path was inserted
	working bool     // the working directory was inserted
	beside  bool     // a file in the ini file's directory was inserted, which is not the working directory
	files   []string // the texts that @(file) has inserted
}

// expand returns the text with all references replaced.
func (x *expander) expand(text string) (string, error) {
	x.rest, x.size = text, 0
	expanded, err := x.until("")
	if err != nil {
		return "", err
	}
	if what := unprintable(expanded, "\t\n"); what != "" {
		return "", fmt.Errorf("the expanded value has %s", what)
	}
	return expanded, nil
}

// until expands up to the first of the stops, or to the end.
func (x *expander) until(stops string) (string, error) {
	var b strings.Builder
	for x.rest != "" {
		plain := strings.IndexAny(x.rest, "%$@"+stops)
		if plain < 0 {
			plain = len(x.rest)
		}
		piece, err := x.rest[:plain], error(nil)
		x.rest = x.rest[plain:]
		if x.rest != "" {
			if strings.IndexByte(stops, x.rest[0]) >= 0 {
				b.WriteString(piece)
				return b.String(), nil
			}
			var replaced string
			if replaced, err = x.reference(); err != nil {
				return "", err
			}
			piece += replaced
		}
		if x.size += len(piece); x.size > maxExpanded {
			return "", fmt.Errorf("the expanded value has more than %d bytes", maxExpanded)
		}
		b.WriteString(piece)
	}
	return b.String(), nil
}

// reference reads a reference, which begins with one of the three signs.
func (x *expander) reference() (string, error) {
	sign := x.rest[0]
	switch {
	case strings.HasPrefix(x.rest, "$$(") || strings.HasPrefix(x.rest, "@@(") || strings.HasPrefix(x.rest, "%%("):
		both := x.rest[1:3]
		x.rest = x.rest[3:]
		x.escaped = true
		return both, nil
	case strings.HasPrefix(x.rest, "%%"):
		x.rest = x.rest[2:]
		return "%", nil
	case len(x.rest) > 1 && x.rest[1] == '(':
		whole := x.rest
		x.rest = x.rest[2:]
		var text string
		var err error
		switch sign {
		case '%':
			text, err = x.key()
		case '$':
			text, err = x.variable()
		default:
			text, err = x.file()
		}
		if errors.Is(err, errOpen) {
			err = fmt.Errorf("%s has no closing parenthesis; write %[2]c%[2]c( for a literal %[2]c(", quoted(whole), sign)
		}
		return text, err
	case sign == '%':
		return x.magic()
	}
	x.rest = x.rest[1:]
	return string(sign), nil
}

// errOpen means that the text ended before the parenthesis was closed.
var errOpen = errors.New("no closing parenthesis")

// name reads up to one of the stops, which must exist.
func (x *expander) name(stops string) (string, error) {
	end := strings.IndexAny(x.rest, stops)
	if end < 0 {
		return "", errOpen
	}
	name := x.rest[:end]
	x.rest = x.rest[end:]
	return name, nil
}

// nested reads the inside of parentheses and the closing one.
func (x *expander) nested() (string, error) {
	text, err := x.until(")")
	if err == nil && x.rest == "" {
		err = errOpen
	}
	if err == nil {
		x.rest = x.rest[1:]
	}
	return text, err
}

func (x *expander) key() (string, error) {
	key, err := x.name(")")
	if err != nil {
		return "", err
	}
	x.rest = x.rest[1:]
	return x.lookup(strings.TrimSpace(key))
}

func (x *expander) variable() (string, error) {
	name, err := x.name(":-)")
	if err != nil {
		return "", err
	}
	value, set := x.sys.LookupEnv(name)
	switch {
	case name == "":
		return "", errors.New("$( needs the name of a variable; write $$( for a literal $(")
	case x.rest[0] == ')':
		x.rest = x.rest[1:]
		if !set {
			return "", fmt.Errorf("%s is not set in the environment; use $(NAME:-default), or write $$( for a literal $(", quoted("$("+name+")"))
		}
		return value, nil
	case strings.HasPrefix(x.rest, ":-"):
		x.rest = x.rest[2:]
		set = set && value != ""
	case x.rest[0] == '-':
		x.rest = x.rest[1:]
	default:
		return "", fmt.Errorf("%s cannot be the name of a variable: use $(NAME) or $(NAME:-default)", quoted(name+":"))
	}
	other, err := x.nested()
	if err != nil || !set {
		return other, err
	}
	return value, nil
}

func (x *expander) file() (string, error) {
	name, err := x.nested()
	if err != nil {
		return "", err
	}
	if name == "" {
		return "", errors.New("@( needs the name of a file; write @@( for a literal @(")
	}
	text, err := x.read(name)
	if err != nil {
		return "", fmt.Errorf("%s cannot be read: %w", quoted("@("+name+")"), unread(name, err))
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	x.files = append(x.files, text)
	return text, nil
}

// unread returns the reason why a file with this name cannot be read. uWSGI reads from commands, URLs and descriptors too.
func unread(name string, err error) error {
	switch {
	case strings.Contains(name, "://"):
		return errors.New("commands and URLs are not supported: use a file")
	case name == "-":
		return errors.New("use /dev/stdin for standard input")
	}
	return cause(err)
}

func (x *expander) read(name string) (string, error) {
	dir := x.sys.Dir
	if x.ini != nil {
		dir = filepath.Dir(x.ini.path)
		x.beside = x.beside || dir != x.sys.Dir && !filepath.IsAbs(name)
	}
	path, err := resolve(dir, name)
	if err != nil {
		return "", err
	}
	f, err := x.sys.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxExpanded+1))
	if err == nil && len(data) > maxExpanded {
		err = fmt.Errorf("more than %d bytes", maxExpanded)
	}
	return string(data), err
}

// magic reads a percent sign and a letter, which mean the same as in uWSGI. Capital letters stand for the first file.
func (x *expander) magic() (string, error) {
	if len(x.rest) < 2 {
		return "", errors.New("percent sign at the end: write %% for a literal one")
	}
	letter := x.rest[1]
	var text string
	known := true
	switch letter {
	case 'p', 's', 'n', 'e', 'd', 'c', 'o', 'x', 'P', 'S', 'N', 'E', 'D', 'C', 'O', 'X', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if x.ini == nil {
			return "", fmt.Errorf("%%%c stands for a part of the ini file's path, so it must be in an ini file", letter)
		}
		from := x.ini
		if letter >= 'A' && letter <= 'Z' {
			from, letter = x.first, letter-'A'+'a'
		}
		text = from.magic(letter)
		x.located = x.located || strings.IndexByte("snexo", letter) < 0
	case 'v': // the working directory
		text, known = x.sys.Dir, x.sys.Dir != ""
		x.working = true
	case 'h':
		text, known = x.sys.Hostname, x.sys.Hostname != ""
	case 'k':
		text = strconv.Itoa(x.sys.Cores)
	case 'u':
		text = strconv.Itoa(x.sys.Getuid())
	case 'g':
		text = strconv.Itoa(x.sys.Getgid())
	case 'U': // the user's name, or else the number
		text = strconv.Itoa(x.sys.Getuid())
		if u, err := x.sys.LookupUserID(text); err == nil {
			text = u.Username
		}
	case 'G':
		text = strconv.Itoa(x.sys.Getgid())
		if g, err := x.sys.LookupGroupID(text); err == nil {
			text = g.Name
		}
	case 't':
		text = strconv.FormatInt(x.sys.Now.Unix(), 10)
	case 'T':
		text = strconv.FormatInt(x.sys.Now.UnixMicro(), 10)
	case 'i', 'I', 'j', 'J':
		return "", fmt.Errorf("%%%c is not supported: for the ini file's inode or hash use a name, such as %%n", letter)
	case 'b', 'V':
		return "", fmt.Errorf("%%%c is not supported: for uWSGI's path or version write a text of your own", letter)
	case '[':
		return "", errors.New("%[ is not supported: a value cannot have an escape character")
	default:
		letter, _ := utf8.DecodeRuneInString(x.rest[1:])
		return "", fmt.Errorf("%s has no meaning; write %%%% for a percent sign", quoted("%"+string(letter)))
	}
	if !known {
		return "", fmt.Errorf("%%%c: not known on this system", letter)
	}
	x.rest = x.rest[2:]
	return text, nil
}
