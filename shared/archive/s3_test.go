package archive_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rclone/gofakes3"
)

// objects is the memory of a server of the S3 API, with one bucket.
type objects struct {
	gofakes3.Backend // what no archive needs

	mu  sync.Mutex
	all map[string][]byte
}

const bucketName = "bucket"

// startS3 starts a server that checks signatures, and returns the address of an
// archive there.
func startS3(t *testing.T, keys map[string]string) (o *objects, address string) {
	t.Helper()
	o = &objects{all: make(map[string][]byte)}
	server := httptest.NewServer(gofakes3.New(o, gofakes3.WithV4Auth(keys), gofakes3.WithIntegrityCheck(true)).Server())
	t.Cleanup(server.Close)
	return o, "s3://" + bucketName + "/some/prefix?region=eu-central-1&endpoint=" + server.URL
}

func (*objects) BucketExists(_ context.Context, name string) (bool, error) {
	return name == bucketName, nil
}

func (o *objects) PutObject(_ context.Context, _, key string, _ map[string]string, input io.Reader, _ int64) (gofakes3.PutObjectResult, error) {
	data, err := io.ReadAll(input)
	if err != nil {
		return gofakes3.PutObjectResult{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all[key] = data
	return gofakes3.PutObjectResult{}, nil
}

func (o *objects) GetObject(_ context.Context, _, key string, _ *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	data, ok := o.all[key]
	if !ok {
		return nil, gofakes3.KeyNotFound(key)
	}
	sum := md5.Sum(data)
	return &gofakes3.Object{
		Name: key, Size: int64(len(data)), Hash: sum[:], Contents: io.NopCloser(bytes.NewReader(data)),
		Metadata: map[string]string{"Last-Modified": time.Now().UTC().Format(http.TimeFormat)},
	}, nil
}

func (o *objects) HeadObject(ctx context.Context, bucket, key string) (*gofakes3.Object, error) {
	return o.GetObject(ctx, bucket, key, nil)
}

// ListBucket gives two names at a time, so that a list has many pages.
func (o *objects) ListBucket(_ context.Context, _ string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	const perPage = 2
	o.mu.Lock()
	defer o.mu.Unlock()
	list := gofakes3.NewObjectList()
	var match gofakes3.PrefixMatch
	for _, key := range slices.Sorted(maps.Keys(o.all)) {
		if !prefix.Match(key, &match) || page.HasMarker && key <= page.Marker {
			continue
		}
		if len(list.Contents) == perPage {
			list.IsTruncated, list.NextMarker = true, list.Contents[perPage-1].Key
			break
		}
		if match.CommonPrefix {
			list.AddPrefix(match.MatchedPart)
			continue
		}
		list.Add(&gofakes3.Content{Key: key, Size: int64(len(o.all[key]))})
	}
	return list, nil
}
