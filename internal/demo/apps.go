package demo

import (
	"embed"
	"html/template"
	"net/http"

	"github.com/coder/websocket"
)

//go:embed pages
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// page is the wiki or payroll: one page that shows what the application was given.
func page(name, title, text string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", style)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'")
		_ = pages.ExecuteTemplate(w, "app.html", map[string]any{"Name": name, "Title": title, "Text": text, "Shown": show(name, r)})
	})
	return mux
}

func style(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, pageFiles, "pages/style.css")
}

func script(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, pageFiles, "pages/chat.js")
}

const maxChatMessage = 4 << 10

// chat is a page and a WebSocket that echoes with the name of who spoke.
func chat() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", style)
	mux.HandleFunc("GET /chat.js", script)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'")
		_ = pages.ExecuteTemplate(w, "chat.html", show("chat", r))
	})
	mux.HandleFunc("GET /ws", echo)
	return mux
}

func echo(w http.ResponseWriter, r *http.Request) {
	who := show("chat", r)
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the broker has checked the origin
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(maxChatMessage)
	name, _ := who.Claims["name"].(string)
	if name == "" {
		name = who.Subject
	}
	for {
		kind, message, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		if err := conn.Write(r.Context(), kind, append([]byte(name+": "), message...)); err != nil {
			return
		}
	}
}
