package token

// Confirmation binds a token to a key that its presenter must prove (RFC 7800).
type Confirmation struct {
	JKT     string // jkt: SHA-256 thumbprint of a DPoP key (RFC 9449 §6.1)
	X5TS256 string // x5t#S256: SHA-256 of a client certificate (RFC 8705 §3.1)
}

func (c *Confirmation) append(b []byte) []byte {
	o := openObject(b)
	o.text("jkt", c.JKT)
	o.text("x5t#S256", c.X5TS256)
	return o.close()
}

// parseConfirmation refuses a binding of which it understands nothing: to ignore it would
// turn a bound token into a bearer one.
func parseConfirmation(raw []byte) (*Confirmation, error) {
	members, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	c := new(Confirmation)
	for _, m := range members {
		switch m.name {
		case "jkt":
			c.JKT, err = text(m.raw)
		case "x5t#S256":
			c.X5TS256, err = text(m.raw)
		}
		if err != nil {
			return nil, err
		}
	}
	if c.JKT == "" && c.X5TS256 == "" {
		return nil, malformed("the token is bound by a method that is not known here")
	}
	return c, nil
}

// MarshalJSON writes the members of RFC 9449 §6.1 and RFC 8705 §3.1.
func (c *Confirmation) MarshalJSON() ([]byte, error) { return c.append(nil), nil }

// UnmarshalJSON reads them; a binding by any other method alone is an error.
func (c *Confirmation) UnmarshalJSON(raw []byte) error {
	parsed, err := parseConfirmation(raw)
	if err == nil {
		*c = *parsed
	}
	return err
}
