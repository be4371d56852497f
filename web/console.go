package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed console
var consoleFiles embed.FS

// consolePolicy lets the page load what this port serves and nothing else.
const consolePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// addConsole serves index.html at / and the other files under /console/.
func (s *Server) addConsole(mux *http.ServeMux) {
	entries, err := fs.ReadDir(consoleFiles, "console")
	if err != nil {
		panic("web: the console is missing: " + err.Error())
	}
	for _, e := range entries {
		content, err := consoleFiles.ReadFile(path.Join("console", e.Name()))
		if err != nil {
			panic("web: the console is missing: " + err.Error())
		}
		pattern := "GET /console/" + e.Name()
		if e.Name() == "index.html" {
			pattern = "GET /{$}"
		}
		tag := fmt.Sprintf(`"%x"`, sha256.Sum256(content))
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Security-Policy", consolePolicy)
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("Cache-Control", "no-cache") // the next version of the program has other files
			h.Set("ETag", tag)
			http.ServeContent(w, r, e.Name(), time.Time{}, bytes.NewReader(content))
		})
	}
}
