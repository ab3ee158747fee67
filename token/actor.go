package token

// maxActors bounds a delegation chain; a longer one is a loop or an attack.
const maxActors = 8

// Actor is who acts for the subject (RFC 8693 §4.1): the current one outermost, earlier ones nested.
type Actor struct {
	Subject  string // sub
	Issuer   string // iss, if not the token's
	ClientID string // client_id
	Actor    *Actor // act
}

// Chain lists the subjects, the current actor first. It is nil for no actor.
func (a *Actor) Chain() []string {
	var subjects []string
	for ; a != nil; a = a.Actor {
		subjects = append(subjects, a.Subject)
	}
	return subjects
}

func (a *Actor) append(b []byte) []byte {
	o := openObject(b)
	o.text("sub", a.Subject)
	o.text("iss", a.Issuer)
	o.text("client_id", a.ClientID)
	if a.Actor != nil {
		o.name("act")
		o.b = a.Actor.append(o.b)
	}
	return o.close()
}

func parseActor(raw []byte, depth int) (*Actor, error) {
	if depth == maxActors {
		return nil, malformed("the chain of actors is longer than %d", maxActors)
	}
	members, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	a := new(Actor)
	for _, m := range members {
		switch m.name {
		case "sub":
			a.Subject, err = text(m.raw)
		case "iss":
			a.Issuer, err = text(m.raw)
		case "client_id":
			a.ClientID, err = text(m.raw)
		case "act":
			a.Actor, err = parseActor(m.raw, depth+1)
		}
		if err != nil {
			return nil, err
		}
	}
	if a.Subject == "" {
		return nil, malformed("an actor has no subject")
	}
	return a, nil
}

// MarshalJSON writes the members of RFC 8693 §4.1.
func (a *Actor) MarshalJSON() ([]byte, error) { return a.append(nil), nil }

// UnmarshalJSON reads them; members that it does not know are ignored.
func (a *Actor) UnmarshalJSON(raw []byte) error {
	parsed, err := parseActor(raw, 0)
	if err == nil {
		*a = *parsed
	}
	return err
}
