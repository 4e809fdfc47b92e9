package dbtool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	urfave "github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"multiproc/cmd/internal/cli"
	"multiproc/store"
)

const (
	maxPasswordLine = 64 << 10 // bytes; more than the store accepts
	passwordTries   = 3        // at a terminal
)

func passwordFlag() urfave.Flag {
	return &urfave.BoolFlag{Name: "password-stdin", Usage: "read the password from the first line of standard input"}
}

// checkPasswordSource returns a usage error if a password could not be read. It is called before the database is opened.
func (c *command) checkPasswordSource() error {
	if !c.flags.Bool("password-stdin") && !term.IsTerminal(int(os.Stdin.Fd())) {
		return cli.Usagef("stdin is not a terminal: give --password-stdin, and the password as the first line of stdin")
	}
	return nil
}

// newPassword reads a new password from standard input or, twice, from the terminal. It returns its hash.
func (c *command) newPassword(s *store.Store) (store.PasswordHash, error) {
	if c.flags.Bool("password-stdin") {
		password, err := readLine(io.LimitReader(os.Stdin, maxPasswordLine))
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		return s.HashPassword(c.ctx, password)
	}
	for range passwordTries {
		password, err := prompt(c.ctx, "Password: ", true)
		if err != nil {
			return "", err
		}
		again, err := prompt(c.ctx, "Password (again): ", true)
		if err != nil {
			return "", err
		}
		if password != again {
			fmt.Fprintln(os.Stderr, "Passwords do not match.")
			continue
		}
		hash, err := s.HashPassword(c.ctx, password)
		if _, invalid := errors.AsType[*store.InvalidError](err); !invalid {
			return hash, err
		}
		fmt.Fprintln(os.Stderr, err)
	}
	return "", fmt.Errorf("no password after %d tries", passwordTries)
}

// prompt asks a question at the terminal and returns the answer, which is not echoed if hidden. A signal that would end the
// process ends the prompt instead, so that echo is switched on again.
func prompt(ctx context.Context, question string, hidden bool) (string, error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP)
	defer stop()
	stdin := int(os.Stdin.Fd())
	before, err := unix.IoctlGetTermios(stdin, unix.TCGETS)
	if err == nil && hidden {
		quiet := *before
		quiet.Lflag = quiet.Lflag&^unix.ECHO | unix.ECHONL
		err = unix.IoctlSetTermios(stdin, unix.TCSETS, &quiet)
	}
	if err != nil {
		return "", fmt.Errorf("prompt: %w", err)
	}
	defer func() { _ = unix.IoctlSetTermios(stdin, unix.TCSETS, before) }()
	fmt.Fprint(os.Stderr, question)
	type answer struct {
		text string
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // it outlives a prompt that a signal ends: the process exits then
		text, err := readLine(os.Stdin)
		answered <- answer{text, err}
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			fmt.Fprintln(os.Stderr)
			return "", fmt.Errorf("no answer: %w", a.err)
		}
		return a.text, nil
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr)
		return "", context.Cause(ctx)
	}
}

// readLine reads the first line without its end, which the last line may lack.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil && line == "" {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}
