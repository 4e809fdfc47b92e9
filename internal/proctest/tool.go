package proctest

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Tool returns the path of a program that not every machine has. It skips the test, see Missing, if the program is not in
// PATH or older than atLeast, a version such as 2.49. An empty atLeast accepts every version.
func Tool(tb testing.TB, name, atLeast string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(tb, "there is no "+name+" in PATH")
	}
	if atLeast == "" {
		return path
	}
	out, err := exec.CommandContext(tb.Context(), path, versionFlag(name)).CombinedOutput()
	if err != nil {
		tb.Fatalf("version of %s: %v: %s", path, err, out)
	}
	version := regexp.MustCompile(`\d+(\.\d+)*`).FindString(string(out))
	if Older(version, atLeast) {
		Missing(tb, fmt.Sprintf("%s is %s, too old: the test needs %s", path, version, atLeast))
	}
	return path
}

func versionFlag(name string) string {
	if name == "tmux" {
		return "-V"
	}
	return "--version"
}

// Older reports whether the first of two dotted versions is the lower one. Parts that are not numbers count as 0.
func Older(version, than string) bool {
	numbers := func(version string) []int {
		var parts []int
		for part := range strings.SplitSeq(version, ".") {
			n, _ := strconv.Atoi(part)
			parts = append(parts, n)
		}
		return parts
	}
	return slices.Compare(numbers(version), numbers(than)) < 0
}
