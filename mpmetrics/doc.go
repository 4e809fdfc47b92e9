// Package mpmetrics keeps Prometheus metrics in files that several processes share and any of them can merge.
//
// Each process has a Writer, which makes counters, gauges, histograms and summaries out of client_golang's own
// options. Their values lie in memory-mapped files in one directory, one file per process and type, and survive
// kill -9. A Collector, in any process, reads all files and answers scrapes with the merged view: the sum of all
// counters, the largest of a gauge in the mode max, and so on.
//
// The files are byte-compatible with the multiprocess mode of prometheus_client for Python, 0.18 and later, so that
// both can share a directory and either can read it; files of older versions are read too.
//
// Inspector looks into the directory file by file, for people.
//
// Directory is for whoever starts the processes: it empties the directory at the start and sweeps up after dead
// ones. Verify reports what is wrong in a directory.
//
// It works on Linux, on little-endian machines, and on file systems that keep shared mappings: not on network ones.
package mpmetrics
