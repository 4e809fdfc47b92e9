//go:build race

package mpmetrics_test

const raceDetector = true
