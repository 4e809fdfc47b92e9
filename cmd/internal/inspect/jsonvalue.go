package inspect

import (
	"encoding/json"
	"math"
	"time"

	"multiproc/mpmetrics"
)

// jsonValue is a value in JSON, which has no word for some: NaN, +Inf and -Inf are strings there.
type jsonValue float64

func (v jsonValue) MarshalJSON() ([]byte, error) {
	if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
		return json.Marshal(mpmetrics.FormatValue(f))
	}
	return json.Marshal(float64(v))
}

// jsonTime is null where there is no time.
func jsonTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
