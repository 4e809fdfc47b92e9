// Package mpmetrics keeps Prometheus metrics in files that several processes share and any of them can merge.
//
// Each process has a [Writer], which makes counters, gauges, histograms and summaries from client_golang's own options.
// Their values are in memory-mapped files in one directory, one file per process and type, and survive SIGKILL. A
// [Collector], in any process, reads all files and answers scrapes with the merged metrics: the sum of all counters, the
// largest value of a gauge in [ModeMax], and so on.
//
// The files are byte-compatible with the multiprocess mode of prometheus_client for Python, 0.18 and later: both can share a
// directory, and each can read the other's files. Files of older versions are read too.
//
// An [Inspector] reads a directory file by file, for people, and [Verify] returns its faults. A [Directory] is for the
// process that starts the others: it wipes the directory at the start and sweeps up after dead processes.
//
// All of it is safe against processes that are killed at any instruction, and against damaged, truncated and foreign files.
//
// The package consists of a writing half (Writer, the four metric types, series, sharedFile) and a reading half (source,
// sample and table for a file; pageLayout and values for the page; Collector and Inspector on top). They share only
// internal/format, the bytes of a file, and internal/dir, the directory.
//
// It needs Linux, a little-endian machine, and a local file system: network file systems do not share mappings.
package mpmetrics
