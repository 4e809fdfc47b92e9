package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestContentsAreNotShown gives every key the text of an unrelated file, which neither faults nor notes nor the list of
// settings may quote.
func TestContentsAreNotShown(t *testing.T) {
	names := []string{"ini", "include", "placeholder", "plugins", "route", "hook-as-root", "chmod", "http-socket", "logformat", "mount"}
	for _, k := range Keys() {
		names = append(names, k.Name)
	}
	f := func(lines, text string) {
		t.Helper()
		files := map[string]string{"/srv/app/a.ini": "[uwsgi]\nsocket = :8000\nstrict = false\n" + lines, "/srv/app/secret": text}
		loaded, err := load(Arguments{Files: []string{"a.ini"}}, testSystem(files))
		shown := fmt.Sprint(err)
		if loaded != nil {
			var list strings.Builder
			if err := WriteSettings(&list, loaded); err != nil {
				t.Fatal(err)
			}
			shown = fmt.Sprint(loaded.Notes, list.String())
		}
		if i := strings.Index(shown, "unter2"); i >= 0 {
			t.Errorf("%q is shown with\n%s%s", text, lines, shown[max(0, i-200):min(len(shown), i+100)])
		}
	}
	for _, text := range []string{
		"root:hunter2:20000:0:99999:7:::\nbin:hunter2:1::\n", "hunter2", "hunter2" + strings.Repeat(" hunter2", 100), strings.Repeat("hunter2", 100), "hunter2:hunter2",
		"/hunter2//hunter2/../hunter2", "hunter2=hunter2", "hunter2 ; hunter2 # hunter2", "\"hunter2\" 'hunter2\\", "hunter2\x01hunter2",
	} {
		for _, value := range []string{"@(secret)", "a@(secret)b", "127.0.0.1:@(secret)", "%(placeholder)", "A=@(secret)"} {
			all := "placeholder = @(secret)\n"
			for _, name := range names {
				line := name + " = " + value + "\n"
				all += line
				if len(text) < len("hunter2=hunter2=") {
					f("placeholder = @(secret)\n"+line, text)
				}
			}
			f(all, text)
		}
	}
}

// TestFilesThatAreNoINI: the lines of a file that was named by mistake are not quoted.
func TestFilesThatAreNoINI(t *testing.T) {
	for _, text := range []string{"root:hunter2:0:0::\nbin:hunter2:\n", "hunter2", "hunter2 = hunter2\n", "{\"hunter2\": \"hunter2\"}\n"} {
		for _, ini := range []string{text, "[multiproc]\nsocket = :8000\ninclude = other\n"} {
			_, err := load(Arguments{Files: []string{"a.ini"}}, testSystem(map[string]string{"/srv/app/a.ini": ini, "/srv/app/other": text}))
			if err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
}
