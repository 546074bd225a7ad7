package service

import (
	"bytes"
	"io"
)

// hushed is the output of the standard library's own log, which has no level and
// no owner: without what package net/http says of receivers that go on after the
// end of their answer. It quotes them, by up to 32 KiB for each attempt, so they
// could fill the log with whatever they like.
type hushed struct{ io.Writer }

// Write passes the line on, or says that it has.
func (h hushed) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("Unsolicited response received on idle HTTP channel")) {
		return len(line), nil
	}
	return h.Writer.Write(line)
}
