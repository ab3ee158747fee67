package admin

import (
	"context"
	"net/http"
	"net/url"

	"symbolon.dev"
	"symbolon.dev/internal/declare"
)

// UserPath names a person by id.
type UserPath struct {
	ID symbolon.UserID `path:"id" maxLength:"64"`
}

func (a *Admin) users() {
	handle(a, operation{http.MethodGet, "/users", "list-users", "users.read", "users", "List people by login", 0}, a.listUsers)
	handle(a, operation{http.MethodPost, "/users", "create-user", "users.write", "users", "Add a person", http.StatusCreated}, a.createUser)
	handle(a, operation{http.MethodGet, "/users/{id}", "get-user", "users.read", "users", "One person", 0},
		func(ctx context.Context, _ caller, in *UserPath) (*body[*symbolon.User], error) {
			user, err := a.Directory.Get(ctx, in.ID)
			return &body[*symbolon.User]{user}, err
		})
	handle(a, operation{http.MethodPut, "/users/{id}", "put-user", "users.write", "users", "Change a person", 0}, a.putUser)
	handle(a, operation{http.MethodDelete, "/users/{id}", "delete-user", "users.write", "users", "Remove a person and end all they hold", http.StatusNoContent},
		func(ctx context.Context, who caller, in *UserPath) (*nothing, error) {
			return nil, a.Directory.Delete(ctx, in.ID, who.id, who.requestID)
		})
	handle(a, operation{http.MethodPost, "/users/{id}/disable", "disable-user", "users.write", "users", "Shut a person out: sessions, tokens and authorizations end at once", http.StatusNoContent},
		func(ctx context.Context, who caller, in *UserPath) (*nothing, error) {
			return nil, a.Directory.Disable(ctx, in.ID, who.id, "disabled by an administrator", who.requestID)
		})
	handle(a, operation{http.MethodPost, "/users/{id}/enable", "enable-user", "users.write", "users", "Let a person in again; nothing that ended revives", http.StatusNoContent},
		func(ctx context.Context, who caller, in *UserPath) (*nothing, error) {
			return nil, a.Directory.Enable(ctx, in.ID, who.id, who.requestID)
		})
	handle(a, operation{http.MethodPost, "/users/{id}/enrolment", "enrol-user", "users.write", "users", "Make a single-use link by which a person adds a first passkey or password", http.StatusCreated}, a.enrolUser)
	handle(a, operation{http.MethodGet, "/users/{id}/sessions", "list-user-sessions", "sessions.read", "sessions", "A person's live sessions", 0},
		func(ctx context.Context, _ caller, in *UserPath) (*body[page[symbolon.Session]], error) {
			sessions, err := a.Sessions.Of(ctx, in.ID)
			return &body[page[symbolon.Session]]{page[symbolon.Session]{Items: orEmpty(sessions)}}, err
		})
	handle(a, operation{http.MethodDelete, "/users/{id}/sessions", "end-user-sessions", "sessions.end", "sessions", "End all sessions of a person", http.StatusNoContent},
		func(ctx context.Context, who caller, in *UserPath) (*nothing, error) {
			_, err := a.Sessions.EndAll(ctx, in.ID, "", who.id, "ended by an administrator", who.requestID)
			return nil, err
		})
}

func (a *Admin) listUsers(ctx context.Context, _ caller, in *struct {
	Paging
	Login string `query:"login" maxLength:"128" doc:"Only the person with this login."`
}) (*body[page[symbolon.User]], error) {
	if in.Login != "" {
		return a.oneUser(ctx, in.Login)
	}
	users, err := a.Directory.List(ctx, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	out := page[symbolon.User]{Items: orEmpty(users)}
	if len(users) == in.Limit {
		out.Next = users[len(users)-1].Login
	}
	return &body[page[symbolon.User]]{out}, nil
}

func (a *Admin) oneUser(ctx context.Context, login string) (*body[page[symbolon.User]], error) {
	user, err := a.Directory.ByLogin(ctx, login)
	if symbolon.IsKind(err, symbolon.NotFound) {
		return &body[page[symbolon.User]]{page[symbolon.User]{Items: []symbolon.User{}}}, nil
	}
	if err != nil {
		return nil, err
	}
	return &body[page[symbolon.User]]{page[symbolon.User]{Items: []symbolon.User{*user}}}, nil
}

func (a *Admin) createUser(ctx context.Context, who caller, in *struct{ Body declare.Person }) (*body[*symbolon.User], error) {
	if _, err := a.Directory.ByLogin(ctx, in.Body.Login); err == nil {
		return nil, symbolon.Errorf(symbolon.Conflict, "there is a person with this login")
	}
	wanted, err := wantedOf(in.Body, nil, a.now())
	if err != nil {
		return nil, err
	}
	if err := a.Directory.Put(ctx, who.id, who.requestID, wanted.user); err != nil {
		return nil, err
	}
	user, err := a.Directory.ByLogin(ctx, wanted.user.Login)
	return &body[*symbolon.User]{user}, err
}

func (a *Admin) putUser(ctx context.Context, who caller, in *struct {
	UserPath
	Body declare.Person
}) (*body[*symbolon.User], error) {
	there, err := a.Directory.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	wanted, err := wantedOf(in.Body, there, a.now())
	if err == nil {
		err = wanted.put(ctx, a.Directory, who.id, who.requestID)
	}
	if err != nil {
		return nil, err
	}
	changed, err := a.Directory.Get(ctx, in.ID)
	return &body[*symbolon.User]{changed}, err
}

// Enrolment is a link to be given to one person over a channel that is theirs.
type Enrolment struct {
	URL string `json:"url"`
}

func (a *Admin) enrolUser(ctx context.Context, who caller, in *UserPath) (*body[Enrolment], error) {
	link, err := a.Directory.Enrol(ctx, in.ID, who.id, who.requestID)
	if err != nil {
		return nil, err
	}
	return &body[Enrolment]{Enrolment{a.Issuer + "/enrol?token=" + url.QueryEscape(link.Reveal())}}, nil
}

func orEmpty[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
