package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"multiproc/cmd/internal/config"
	"multiproc/mpmetrics"
	"multiproc/worker"
)

// testApp is the main function of a Go program that is built on package worker and that the tests run as the workers'
// command. Its environment determines its behaviour:
//
//	APP_START_DELAY=1s  time until it is ready
//	APP_FAIL=text       it logs this and exits with 1
//	APP_NEVER_READY=1   it never gets ready
func testApp() {
	if err := app(); err != nil {
		fmt.Fprintln(os.Stderr, "testapp: error:", err)
		os.Exit(1) //nolint:forbidigo // it is the main function
	}
}

func app() error {
	if text := os.Getenv("APP_FAIL"); text != "" {
		return fmt.Errorf("%s", text)
	}
	if os.Getenv("APP_NEVER_READY") != "" {
		select {}
	}
	if text := os.Getenv("APP_START_DELAY"); text != "" {
		delay, err := time.ParseDuration(text)
		if err != nil {
			return err
		}
		<-time.After(delay)
	}
	metrics, err := mpmetrics.NewWriter(os.Getenv(config.MetricsDirVariable), os.Getenv("MULTIPROC_ID"), mpmetrics.WriterOptions{})
	if err != nil {
		return err
	}
	defer metrics.Close()
	collector := mpmetrics.NewCollector(os.Getenv(config.MetricsDirVariable), mpmetrics.CollectorOptions{})
	defer collector.Close()
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", collector)
	routes.HandleFunc("GET /livez", worker.Livez)
	routes.HandleFunc("GET /readyz", worker.Readyz)
	routes.HandleFunc("GET /pid", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, os.Getpid())
	})
	routes.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = w.Write(body)
	})
	routes.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		d, err := time.ParseDuration(r.FormValue("for"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		<-time.After(d)
		fmt.Fprintln(w, "done")
	})
	routes.HandleFunc("GET /big", func(w http.ResponseWriter, r *http.Request) {
		size, err := strconv.Atoi(r.FormValue("size"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = w.Write(make([]byte, size))
	})
	routes.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("requested") })
	var taken []byte
	routes.HandleFunc("GET /take", func(w http.ResponseWriter, r *http.Request) { // touch the memory
		size, err := strconv.Atoi(r.FormValue("bytes"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		taken = bytes.Repeat([]byte{1}, size)
		fmt.Fprintln(w, len(taken))
	})
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	return worker.Run(context.Background(), worker.Config{Logger: log, Metrics: metrics}, routes)
}
