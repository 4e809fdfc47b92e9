package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/url"
	"strconv"

	"github.com/mattn/go-sqlite3"
)

// use is what connections are for.
type use int

const (
	forReading use = iota
	forWriting
)

// connector opens connections to one file, for a pool: whichever it opens and when, all are alike.
type connector struct {
	sqlite3.SQLiteDriver
	file   file
	source string
}

// openPool opens no connection yet.
func openPool(file file, use use, options Options) *sql.DB {
	return sql.OpenDB(&connector{file: file, source: dataSource(file.path, use, options)})
}

// Connect opens a connection if the file is at its path before and after, so that it is to this file.
func (c *connector) Connect(context.Context) (driver.Conn, error) {
	if err := c.file.check(); err != nil {
		return nil, err
	}
	conn, err := c.Open(c.source)
	if err != nil {
		return nil, err
	}
	if err := c.file.check(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// Driver is what opens the connections.
func (c *connector) Driver() driver.Driver { return &c.SQLiteDriver }

// dataSource is what the driver is to open. The pragmas are those of each connection.
func dataSource(path string, use use, options Options) string {
	v := url.Values{}
	v.Set("mode", "rw") // never create it
	v.Set("_foreign_keys", "on")
	v.Set("_recursive_triggers", "on") // or OR REPLACE deletes rows that no trigger sees
	v.Set("_synchronous", options.Synchronous)
	v.Set("_busy_timeout", strconv.FormatInt(options.Timeout.Milliseconds(), 10))
	v.Set("_stmt_cache_size", "64")
	v.Set("_cache_size", "-512") // KiB: the kernel has the pages as well
	v.Set("_txlock", "immediate")
	if use == forReading {
		v.Set("_query_only", "on")
		v.Set("_txlock", "deferred")
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: v.Encode()}).String()
}
