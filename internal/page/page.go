// Package page turns typed views into the product's HTML.
//
// A door fills a view ([Login], [Consent], [Account], …) and calls [Show]. The words a person
// reads stand in templates/, one file a page; Go only says which of them apply. Laws:
//
//   - Nothing comes from elsewhere: one style sheet, one script and one mark, embedded, served
//     by [Assets] under a name that contains their hash. The broker serves the same path on the
//     hosts of applications, so that its error pages look the same there.
//   - No inline script or style. The Content-Security-Policy allows what the page uses and
//     nothing else; the only foreign address it can name is the logo of the client on the page.
//   - Every page works without script where its purpose does. The script only adds passkeys.
//   - No page is kept by a cache, framed, or told to another origin by a Referer.
//
// # Forms that end on another origin
//
// A login ends in a chain of redirects to the client's redirect_uri. Chromium and Safari hold
// every hop of the chain that follows a form against the form-action of the page that had the
// form, those behind the client's callback included, and no list of origins can be complete.
// So form-action stays 'self', and [Leave] ends the form's navigation: a browser gets a page
// with a Refresh header, whose navigation is a new one that no form started.
package page

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

// View is the data of one page. Its implementations are the views of this package.
type View interface{ frame() frame }

// frame is what the layout has to know about a view.
type frame struct {
	template string
	client   *Client // whose logo may be shown
	wide     bool
	apart    bool // the two halves of the mark do not meet: something is refused or over
	script   bool
	send     bool     // a script sends the page's form
	onward   bool     // a script goes on when the frames have loaded
	frames   []string // foreign origins that the page shows frames of
	posts    string   // the foreign origin that the page's form goes to; "" = none
}

// Client is the application that a page speaks about, as people know it.
type Client struct {
	Name   string
	Logo   string // absolute URL; shown only if http(s)
	Policy string // of the client's privacy policy
	Terms  string
}

// LogoURL is the logo's address if it is an absolute http(s) one, else "".
func (c *Client) LogoURL() string {
	if c == nil {
		return ""
	}
	return webAddress(c.Logo)
}

// PolicyURL is the privacy policy's address, likewise.
func (c *Client) PolicyURL() string { return webAddress(c.Policy) }

// TermsURL is the address of the terms, likewise.
func (c *Client) TermsURL() string { return webAddress(c.Terms) }

// webAddress lets through what a link or an image of a page may be.
func webAddress(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return u.String()
}

//go:embed templates/*.html
var templateFiles embed.FS

var templates = parse("login", "strengthen", "missing", "enrol", "brokenlink", "consent", "logout", "loggedout", "account", "error", "leave", "formpost",
	"device", "deviceconfirm", "devicedone", "devicecode", "approve")

func parse(names ...string) map[string]*template.Template {
	layout := template.Must(template.New("layout.html").Funcs(functions).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	parsed := make(map[string]*template.Template, len(names))
	for _, name := range names {
		parsed[name] = template.Must(template.Must(layout.Clone()).ParseFS(templateFiles, "templates/"+name+".html"))
	}
	return parsed
}

// sheet is what the layout is executed with.
type sheet struct {
	Style, Script, Icon string
	Wide, Apart         bool
	Client              *Client
	Page                View
}

// Show writes a view as a page with the headers that every page carries.
func Show(w http.ResponseWriter, status int, view View) {
	f := view.frame()
	data := sheet{Style: stylePath, Icon: iconPath, Wide: f.wide, Apart: f.apart, Client: f.client, Page: view}
	if f.script {
		data.Script = scriptPath
	}
	if f.send {
		data.Script = sendPath
	}
	if f.onward {
		data.Script = onwardPath
	}
	var body bytes.Buffer
	if err := templates[f.template].Execute(&body, data); err != nil {
		http.Error(w, "This page could not be made.", http.StatusInternalServerError)
		return
	}
	secure(w.Header(), f)
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// secure sets the headers of a page. Referrer-Policy is same-origin, not no-referrer: the latter
// would make browsers send "Origin: null" with our own forms, which is what the check against
// forged requests falls back to where a browser sends no Sec-Fetch-Site.
func secure(h http.Header, f frame) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", "en")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", contentPolicy(f))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	if f.posts != "" {
		h.Set("Referrer-Policy", "strict-origin")
	}
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=(), payment=(), usb=()")
}

func contentPolicy(f frame) string {
	directives := []string{"default-src 'none'", "style-src 'self'", "img-src 'self'" + logoSource(f.client),
		"form-action " + cmp.Or(f.posts, "'self'"), "base-uri 'none'", "frame-ancestors 'none'",
		"require-trusted-types-for 'script'", "trusted-types 'none'"}
	if f.script {
		directives = append(directives, "script-src 'self'", "connect-src 'self'")
	}
	if f.send || f.onward {
		directives = append(directives, "script-src 'self'")
	}
	if len(f.frames) > 0 {
		directives = append(directives, "frame-src "+strings.Join(f.frames, " "))
	}
	return strings.Join(directives, "; ")
}

// logoSource names a logo as the one foreign image of a page. A source expression ends at
// white space, ";" and ",", and has no query (CSP3 §2.3.1).
func logoSource(c *Client) string {
	logo := c.LogoURL()
	if logo == "" {
		return ""
	}
	u, err := url.Parse(logo)
	if err != nil {
		return ""
	}
	source := u.Scheme + "://" + u.Host + u.EscapedPath()
	if strings.ContainsAny(u.Host, ";, '\"*") {
		return ""
	}
	return " " + strings.NewReplacer(";", "%3B", ",", "%2C", "'", "%27").Replace(source)
}
