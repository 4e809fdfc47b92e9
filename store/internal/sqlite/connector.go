package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/url"
	"strconv"

	"github.com/mattn/go-sqlite3"
)

// use is the purpose of a connection.
type use int

const (
	forReading use = iota
	forWriting
)

// connector opens the connections of a pool, all to the same file and with the same pragmas.
type connector struct {
	sqlite3.SQLiteDriver
	file   file
	source string
}

// openPool opens no connection yet.
func openPool(file file, use use, options Options) *sql.DB {
	return sql.OpenDB(&connector{file: file, source: dataSource(file.path, use, options)})
}

// Connect opens a connection. It checks the path before and after, so that the connection is to the right file.
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

// Driver returns the driver that opens the connections.
func (c *connector) Driver() driver.Driver { return &c.SQLiteDriver }

// dataSource returns the driver's URL of a database, with the pragmas of each connection.
func dataSource(path string, use use, options Options) string {
	v := url.Values{}
	v.Set("mode", "rw") // never create it
	v.Set("_foreign_keys", "on")
	v.Set("_recursive_triggers", "on") // else OR REPLACE deletes rows without their triggers
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
