package archive

import (
	"context"
	"time"
)

// NewSmall returns an archiver of small parts and pages, which does not rest and
// calls step between any two things that it does.
func NewSmall(place Place, partSize, pageRows int, step func()) *Archiver {
	return &Archiver{place: place, partSize: partSize, pageRows: pageRows, rest: func(context.Context, time.Duration) {}, step: step}
}

// Rest is how long the database is left alone after it was used for so long.
func Rest(ctx context.Context, took time.Duration) { rest(ctx, took) }
