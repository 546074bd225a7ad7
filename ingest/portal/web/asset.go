package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// kinds are the content types of files, whatever the system says of them.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".txt": "text/plain; charset=utf-8",
}

// asset is a file that pages load.
type asset struct {
	kind         string // its content type
	plain, small []byte // small is gzipped
}

// assetSet is all of them. They share one name, made of what is in them, which changes
// when any does: so browsers never ask for what they have.
type assetSet struct {
	version string
	files   map[string]asset
}

// loadAssets reads what the program contains, once.
var loadAssets = sync.OnceValue(func() assetSet {
	set := assetSet{files: make(map[string]asset)}
	sum := sha256.New()
	entries, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		panic(err) // it is embedded
	}
	for _, entry := range entries {
		text, err := fs.ReadFile(assetFiles, "assets/"+entry.Name())
		if err != nil {
			panic(err)
		}
		sum.Write(text)
		set.files[entry.Name()] = asset{kind: kinds[path.Ext(entry.Name())], plain: text, small: compress(text)}
	}
	set.version = hex.EncodeToString(sum.Sum(nil)[:6])
	return set
})

func compress(text []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is one that there is
	}
	if _, err := w.Write(text); err != nil {
		panic(err) // a buffer takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// assetPath is the address of a file.
func assetPath(name string) string { return assets + loadAssets().version + "/" + name }

// files serves them, and those of the operator. A page of another version of the program, as there is beside ours
// during an upgrade, gets ours, which it must not keep.
func files(own dress) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		set := loadAssets()
		version, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, assets), "/")
		file, ok := set.files[name]
		current := set.version
		if !ok {
			file, ok = own.files[name]
			current = own.version
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		header := w.Header()
		header.Set("Content-Type", file.kind)
		header.Set("Vary", "Accept-Encoding")
		if version == current {
			header.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		body := file.plain
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			header.Set("Content-Encoding", "gzip")
			body = file.small
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}
