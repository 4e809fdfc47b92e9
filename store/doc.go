// Package store is the database of transactions: APIs, statuses and transactions, and who may do what with them.
//
// It is an SQLite database in WAL mode that any number of processes have open at a time. Each process has connections for
// reading, which wait for no writer, and one for writing, on which the writes that are asked for at the same time are
// one commit (Store.Update). Between processes a lock on a file of its own lets them write in turn.
//
// All work is done in a transaction, a Tx: Store.View gives one to read, Store.Update one to write.
package store
