package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	amazon = "https://s3.amazonaws.com"

	// A call that fails is made again so often, with growing pauses.
	bucketTries = 4

	answerTimeout = time.Minute // until the first byte of an answer
)

// bucket is a place in an object store with the S3 API.
type bucket struct {
	client    *minio.Core
	transport *http.Transport
	name      string
	prefix    string // empty, or with a slash at its end
}

func openBucket(u *url.URL, lookup func(string) (string, bool)) (*bucket, error) {
	setting := func(name string, variables ...string) string {
		if value := u.Query().Get(name); value != "" {
			return value
		}
		for _, v := range variables {
			if value, ok := lookup(v); ok {
				return value
			}
		}
		return ""
	}
	for name := range u.Query() {
		if name != "endpoint" && name != "region" {
			return nil, fmt.Errorf("%w: s3 has no parameter %q", ErrBadAddress, name)
		}
	}
	address := setting("endpoint", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
	if address == "" {
		address = amazon
	}
	endpoint, err := url.Parse(address)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https" {
		return nil, fmt.Errorf("%w: endpoint %q is no URL such as https://s3.example.com", ErrBadAddress, address)
	}
	b := &bucket{
		name:   u.Host,
		prefix: strings.TrimPrefix(path.Clean(u.Path)+"/", "/"),
		transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: answerTimeout,
			IdleConnTimeout:       time.Minute,
			DisableCompression:    true, // an object is compressed, and wanted so
		},
	}
	b.client, err = minio.NewCore(endpoint.Host, &minio.Options{
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
		}),
		Secure:     endpoint.Scheme == "https",
		Region:     setting("region", "AWS_REGION", "AWS_DEFAULT_REGION"),
		Transport:  b.transport,
		MaxRetries: bucketTries,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadAddress, err)
	}
	return b, nil
}

// Put implements Place. The store compares what it got with the checksum.
func (b *bucket) Put(ctx context.Context, name string, data []byte) error {
	sum := sha256.Sum256(data)
	_, err := b.client.PutObject(ctx, b.name, b.prefix+name, bytes.NewReader(data), int64(len(data)), "", hex.EncodeToString(sum[:]),
		minio.PutObjectOptions{ContentType: contentType(name)})
	if err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}

func contentType(name string) string {
	if strings.HasSuffix(name, ".json") {
		return "application/json"
	}
	return "application/gzip"
}

// Get implements Place.
func (b *bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	body, _, _, err := b.client.GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return nil, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	return body, nil
}

// List implements Place.
func (b *bucket) List(ctx context.Context, folder string) (names []string, err error) {
	prefix := b.prefix + folder + "/"
	for object := range b.client.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix}) {
		if object.Err != nil {
			return nil, fmt.Errorf("list archive: %w", object.Err)
		}
		names = append(names, strings.TrimPrefix(object.Key, prefix))
	}
	return names, nil
}

// Close implements Place.
func (b *bucket) Close() { b.transport.CloseIdleConnections() }
