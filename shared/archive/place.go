package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
)

var (
	// ErrNotFound says that there is no object of that name.
	ErrNotFound = errors.New("not in the archive")

	// ErrBadAddress says that a text does not say where an archive is.
	ErrBadAddress = errors.New("must be file:///folder or s3://bucket/prefix")
)

// Place is where an archive is. Names of objects are paths with slashes.
type Place interface {
	// Put stores an object, all of it or nothing, and replaces one of that name.
	Put(ctx context.Context, name string, data []byte) error

	// Get opens an object, to be closed by the caller. It returns ErrNotFound.
	Get(ctx context.Context, name string) (io.ReadCloser, error)

	// List returns the names of the objects in a folder, without it and in order.
	List(ctx context.Context, folder string) ([]string, error)

	// Close ends the connections that are open.
	Close()
}

// Open returns the place at an address, without looking at it:
//
//	file:///var/lib/postrider/archive
//	s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-central-1
//
// What the address of an object store does not say, and the credentials, come
// from where programs for S3 look for them: AWS_ENDPOINT_URL, AWS_REGION,
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws/credentials, or the role of
// the machine. lookup is os.LookupEnv, or a test's. It returns ErrBadAddress.
func Open(address string, lookup func(string) (string, bool)) (Place, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadAddress, err)
	}
	switch {
	case u.Scheme == "file" && u.Host == "" && u.Path != "" && u.RawQuery == "":
		return &files{root: filepath.Clean(filepath.FromSlash(u.Path))}, nil
	case u.Scheme == "s3" && u.Host != "":
		return openBucket(u, lookup)
	default:
		return nil, ErrBadAddress
	}
}
