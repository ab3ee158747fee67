package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// AssetsPath is the path under which every host of the product serves [Assets].
const AssetsPath = "/.symbolon/assets/"

//go:embed assets/*
var assetFiles embed.FS

type asset struct {
	contentType string
	body        []byte
}

var (
	stylePath, styleAsset   = load("style.css", "text/css; charset=utf-8")
	scriptPath, scriptAsset = load("passkey.js", "text/javascript; charset=utf-8")
	sendPath, sendAsset     = load("send.js", "text/javascript; charset=utf-8")
	onwardPath, onwardAsset = load("onward.js", "text/javascript; charset=utf-8")
	iconPath, iconAsset     = load("mark.svg", "image/svg+xml")

	assets = map[string]asset{stylePath: styleAsset, scriptPath: scriptAsset, sendPath: sendAsset, onwardPath: onwardAsset, iconPath: iconAsset}
)

// load names a file by its content: style.css → /.symbolon/assets/style.0123456789ab.css
func load(name, contentType string) (string, asset) {
	body, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // the file is compiled in
	}
	sum := sha256.Sum256(body)
	ext := path.Ext(name)
	return AssetsPath + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext, asset{contentType, body}
}

// Assets serves what pages refer to, for a year: another content has another name. Mount it at
// [AssetsPath] on every host that shows pages.
func Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, ok := assets[r.URL.Path]
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		case !ok:
			h.Set("Cache-Control", "no-store")
			http.Error(w, "no such asset", http.StatusNotFound)
			return
		}
		h.Set("Content-Type", found.contentType)
		h.Set("Content-Length", strconv.Itoa(len(found.body)))
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.Method == http.MethodGet {
			_, _ = w.Write(found.body)
		}
	})
}
