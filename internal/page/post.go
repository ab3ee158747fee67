package page

import (
	"net/http"
	"net/url"
	"strings"
)

// Field is one that a form carries.
type Field struct{ Name, Value string }

// FormPost carries an answer to a client (OAuth 2.0 Form Post Response Mode §2). A script sends it; a
// person without one presses the button.
type FormPost struct {
	To     string
	Fields []Field
}

func (v FormPost) frame() frame { return frame{template: "formpost", send: true, posts: origin(v.To)} }

// Post shows a page that posts fields to an address of a client, and to no other origin. Unlike other
// pages it tells that origin ours, by Origin and Referer: whoever is posted to may want to know.
func Post(w http.ResponseWriter, to string, fields []Field) {
	if origin(to) == "" {
		http.Error(w, "This page could not be made.", http.StatusInternalServerError)
		return
	}
	Show(w, http.StatusOK, FormPost{To: to, Fields: fields})
}

// origin writes an http(s) address as a source of a Content-Security-Policy; "" = it is none.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(u.Host, ";, '\"*") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
