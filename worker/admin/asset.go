package admin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// asset is a file that pages refer to. Its URL has a hash of its content, so that browsers can cache it without asking again.
type asset struct {
	hash, kind string
	content    []byte
}

func loadAssets() (map[string]asset, error) {
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		return nil, err
	}
	assets := map[string]asset{}
	for _, e := range entries {
		content, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		assets[e.Name()] = asset{hex.EncodeToString(sum[:8]), kindOf(e.Name()), content}
	}
	return assets, nil
}

// kindOf returns the content type of a file. Package mime would depend on the machine.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

// assetURL returns the URL of a file, for templates.
func (a *Admin) assetURL(name string) (string, error) {
	asset, ok := a.assets[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return home + "assets/" + asset.hash + "/" + name, nil
}

// serveAsset serves a file. During a reload the page may be of another generation: it gets the file of this one.
func serveAsset(r *request) error {
	asset, ok := r.admin.assets[r.PathValue("name")]
	if !ok {
		return errNoPage
	}
	header := r.w.Header()
	header.Set("Cache-Control", "no-cache")
	if r.PathValue("hash") == asset.hash {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	header.Set("Content-Type", asset.kind)
	http.ServeContent(r.w, r.Request, "", time.Time{}, bytes.NewReader(asset.content))
	return nil
}
