package archive_test

import (
	"io"
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/postrider/postrider/shared/archive"
)

// places are the kinds of places that there are, each with an address of its own.
var places = map[string]func(t *testing.T) string{ //nolint:gochecknoglobals // constant
	"files": func(t *testing.T) string {
		t.Helper()
		return "file://" + t.TempDir() + "/an/archive"
	},
	"S3": func(t *testing.T) string {
		t.Helper()
		_, address := startS3(t, map[string]string{accessKey: secretKey})
		return address
	},
}

func open(t *testing.T, address string) archive.Place {
	t.Helper()
	place, err := archive.Open(address, os.LookupEnv)
	require.NoError(t, err)
	t.Cleanup(place.Close)
	return place
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for name, start := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := start(t)
			place := open(t, address)
			list := func(folder string) []string {
				names, err := place.List(t.Context(), folder)
				require.NoError(t, err)
				return names
			}
			require.Empty(t, list("folder"))
			_, err := place.Get(t.Context(), "folder/1")
			require.ErrorIs(t, err, archive.ErrNotFound)

			for _, name := range []string{"folder/3", "folder/1", "folder/2", "folder2/1", "other/a/b", "folder/4", "folder/5"} {
				require.NoError(t, place.Put(t.Context(), name, []byte("early")))
				require.NoError(t, place.Put(t.Context(), name, []byte("late "+name)), "and again")
			}
			require.Equal(t, []string{"1", "2", "3", "4", "5"}, list("folder"))
			object, err := open(t, address).Get(t.Context(), "other/a/b")
			require.NoError(t, err)
			data, err := io.ReadAll(object)
			require.NoError(t, err)
			require.NoError(t, object.Close())
			require.Equal(t, "late other/a/b", string(data))
		})
	}
}

// TestUnfinishedFile: what a crash left behind is not there.
func TestUnfinishedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	place := open(t, "file://"+dir)
	require.NoError(t, place.Put(t.Context(), "folder/1", []byte("1")))
	require.NoError(t, os.WriteFile(dir+"/folder/2.unfinished", []byte("half"), 0o600))
	names, err := place.List(t.Context(), "folder")
	require.NoError(t, err)
	require.Equal(t, []string{"1"}, names)
	require.NoError(t, place.Put(t.Context(), "folder/2", []byte("whole")))
	entries, err := os.ReadDir(dir + "/folder")
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing is left over")
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	o, address := startS3(t, map[string]string{accessKey: "another secret"})
	require.Error(t, open(t, address).Put(t.Context(), "1", []byte("1")))
	require.Empty(t, o.all)
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "/folder", "file://", "file://host/folder", "file:///folder?x=y", "s3://", "s3:///prefix", "s3://bucket?zone=1",
		"s3://bucket?endpoint=s3.example.com", "ftp://host/folder", "s3://bucket\x00",
	} {
		_, err := archive.Open(bad, os.LookupEnv)
		require.ErrorIs(t, err, archive.ErrBadAddress, bad)
	}
	_, address := startS3(t, map[string]string{accessKey: secretKey})
	u, err := url.Parse(address)
	require.NoError(t, err)
	env := map[string]string{"AWS_ENDPOINT_URL": u.Query().Get("endpoint"), "AWS_REGION": "eu-central-1"}
	place, err := archive.Open("s3://bucket", func(name string) (string, bool) { value, ok := env[name]; return value, ok })
	require.NoError(t, err)
	defer place.Close()
	require.NoError(t, place.Put(t.Context(), "1", []byte("1")), "endpoint and region are where other programs look for them")
	require.NoError(t, place.Put(t.Context(), "folder/2", []byte("2")), "endpoint and region are where other programs look for them")
	names, err := place.List(t.Context(), "folder")
	require.NoError(t, err)
	require.Equal(t, []string{"2"}, names, "without a prefix")
}
