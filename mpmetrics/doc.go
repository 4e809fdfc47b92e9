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
// # Differences from client_golang
//
// Metrics have the interfaces of client_golang: code that updates them needs no change. These things differ:
//
//   - Constructors return an error where those of client_golang panic, and where its registry refuses a metric. [Must] panics.
//   - The name of a counter must end in _total.
//   - The label pid is reserved in gauges, as le is in histograms and quantile in summaries.
//   - A Writer has one metric of a name and constant labels. A counter x_total also takes the name x; a histogram and a summary take
//     x_count and x_sum, a histogram x_bucket, too: they would be one family in the file or on the page.
//   - All numbers are float64: from 2^53 on, counts do not grow by 1. In client_golang they do, up to 2^64.
//   - A gauge is on the page once it is set; in client_golang it is 0 at once.
//   - A vector cannot remove a series from the page: Delete, DeleteLabelValues, DeletePartialMatch and Reset drop it in the process only, and
//     it continues from its value if it is made again.
//   - A process that takes the id of an earlier one continues its counters, histograms and summaries, and its gauges that are not live.
//     In client_golang all begin at 0.
//   - There are no exemplars: metrics implement neither ExemplarAdder nor ExemplarObserver, so promhttp's middleware drops the exemplars
//     that its options add.
//   - There are no native histograms, quantiles of summaries, or units: options that ask for them are errors.
//   - There are no created timestamps.
//   - The sum of a histogram or summary is updated after its count, so a scrape can find an observation in the count alone. The
//     count of a histogram always equals its bucket +Inf.
//   - Constructors take neither functions, as NewGaugeFunc does, nor constraints of labels. A Gatherer can add metrics of functions
//     to the page; see [CollectorOptions].
//   - Write and Collect of a metric have the values of this process, the page those of all processes. The page has 5.0 and le="5.0" where
//     client_golang has 5 and le="5".
//   - A series for which a file has no room stays in the memory of its process; see [Writer].
//
// It needs Linux, a little-endian machine, and a local file system: network file systems do not share mappings.
package mpmetrics
