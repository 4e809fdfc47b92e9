package main

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

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/store"
)

// maxPasswordLine is more than any password that the store takes, in bytes.
const maxPasswordLine = 64 << 10

// passwordTries is how often somebody at a terminal may choose a password.
const passwordTries = 3

// checkAsking finds out, before anything is opened, whether a password can come from where it is to come from.
func checkAsking(given config.Given) error {
	if !given.Switches["password-stdin"] && !term.IsTerminal(int(os.Stdin.Fd())) {
		return cli.Usagef("stdin is not a terminal: give the password as its first line, and --password-stdin")
	}
	return nil
}

// newPassword is the hash of a new password: the first line of stdin, or what is typed twice at the terminal.
func newPassword(ctx context.Context, s *store.Store, given config.Given) (store.PasswordHash, error) {
	if given.Switches["password-stdin"] {
		password, err := readLine(io.LimitReader(os.Stdin, maxPasswordLine))
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		return s.HashPassword(ctx, password)
	}
	for range passwordTries {
		password, err := prompt(ctx, "Password: ", true)
		if err != nil {
			return "", err
		}
		again, err := prompt(ctx, "Password (again): ", true)
		if err != nil {
			return "", err
		}
		if password != again {
			fmt.Fprintln(os.Stderr, "These were not the same.")
			continue
		}
		hash, err := s.HashPassword(ctx, password)
		if _, bad := errors.AsType[*store.InvalidError](err); !bad {
			return hash, err
		}
		fmt.Fprintln(os.Stderr, err)
	}
	return "", fmt.Errorf("no password after %d tries", passwordTries)
}

// prompt asks somebody at the terminal, which does not show the answer if it is to be hidden. A signal that would end the
// process ends the question instead, so that the terminal shows again what is typed.
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
		return "", fmt.Errorf("ask at the terminal: %w", err)
	}
	defer func() { _ = unix.IoctlSetTermios(stdin, unix.TCSETS, before) }()
	fmt.Fprint(os.Stderr, question)
	type answer struct {
		text string
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // left behind when there is no answer: the process ends then
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

// readLine reads the first line, without its end. The last one may have none.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil && line == "" {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}
