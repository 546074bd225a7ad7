package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
)

const (
	maxLogo = 64 << 10 // bytes: it is a part of the first visit

	styleName = "theme.css"
)

// Brand makes pages look like a part of the operator's own.
type Brand struct {
	Title string // of the portal; empty: "Webhooks"
	Theme Theme
	Logo  []byte // of NewLogo; nil: ours
}

// NewLogo checks that a file is an image that pages can show: SVG or PNG, of at most
// 64 KiB. Nothing that stands in an SVG is run: it is shown as an image, and by itself
// under the policy of all files.
func NewLogo(file []byte) ([]byte, error) {
	switch {
	case len(file) > maxLogo:
		return nil, errors.New("larger than 64 KiB")
	case logoName(file) == "":
		return nil, errors.New("neither SVG nor PNG")
	default:
		return file, nil
	}
}

// logoName is the name that it is loaded by; empty: it is no image that we know.
func logoName(file []byte) string {
	switch {
	case http.DetectContentType(file) == "image/png":
		return "logo.png"
	case bytes.Contains(file[:min(len(file), 1024)], []byte("<svg")):
		return "logo.svg"
	default:
		return ""
	}
}

// dress is a brand as pages load it. Empty paths: there is nothing of the operator's.
type dress struct {
	Style, Logo string // addresses

	version string
	files   map[string]asset
}

// newDress makes the files of a brand.
func newDress(b Brand) dress {
	d := dress{files: make(map[string]asset)}
	style := b.Theme.style()
	sum := sha256.Sum256(append([]byte(style), b.Logo...))
	d.version = hex.EncodeToString(sum[:6])
	add := func(name string, text []byte) string {
		d.files[name] = asset{kind: kinds[name[strings.LastIndexByte(name, '.'):]], plain: text, small: compress(text)}
		return assets + d.version + "/" + name
	}
	if style != "" {
		d.Style = add(styleName, []byte(style))
	}
	if len(b.Logo) > 0 {
		d.Logo = add(logoName(b.Logo), b.Logo)
	}
	return d
}
