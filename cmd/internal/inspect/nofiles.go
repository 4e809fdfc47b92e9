package inspect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"multiproc/cmd/internal/cli"
	"multiproc/mpmetrics"
)

// clientRuby matches the files of client_ruby's DirectFileStore.
var clientRuby = regexp.MustCompile(`^metric_.+___.+\.bin$`)

// checkHasFiles returns an error unless a directory has files with the names of metric files. The error lists
// other files there: the path may be wrong, or the files another library's.
func checkHasFiles(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	const most = 3
	var some []string
	others, ruby := 0, false
	for {
		names, err := dir.Readdirnames(1000)
		for _, name := range names {
			if mpmetrics.IsFileName(name) {
				return nil
			}
			ruby = ruby || clientRuby.MatchString(name)
			some = append(some, cli.Printable(name))
			slices.Sort(some)
			if len(some) > most {
				some = some[:most]
				others++
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, fs.ErrNotExist) { // removed in between
			break
		} else if err != nil {
			return err
		}
	}
	has := "it is empty"
	if len(some) > 0 {
		has = "it has " + strings.Join(some, ", ")
	}
	if others > 0 {
		has += fmt.Sprintf(" and %d more", others)
	}
	if ruby {
		has += "; metric_*.bin are client_ruby's, another format"
	}
	return fmt.Errorf("no metric files in %s: %s", path, has)
}
