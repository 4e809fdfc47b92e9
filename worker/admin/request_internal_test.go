package admin

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// dripping is an endless reader of one byte every 5 s.
type dripping struct{}

func (dripping) Read(p []byte) (int, error) {
	<-time.After(5 * time.Second)
	p[0] = 'x'
	return 1, nil
}

// TestTimedBody: a form that arrives endlessly is cut.
func TestTimedBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		body := &timedBody{io.NopCloser(dripping{}), began.Add(formTimeout)}
		if _, err := io.ReadAll(body); !errors.Is(err, errSlowForm) {
			t.Error(err)
		}
		if took := time.Since(began); took < formTimeout || took > formTimeout+10*time.Second {
			t.Errorf("after %s", took)
		}
		fast := &timedBody{io.NopCloser(strings.NewReader("a=b")), time.Now().Add(formTimeout)}
		if text, err := io.ReadAll(fast); string(text) != "a=b" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
	})
}
