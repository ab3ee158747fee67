package issuer

import (
	"context"

	"symbolon.dev"
	"symbolon.dev/token"
)

// Names of user fields in a resource's TokenRule.Claims; any other name is an attribute's.
const (
	fieldLogin        = "login" // given as preferred_username
	fieldName         = "name"
	fieldEmail        = "email"
	fieldGroups       = "groups"
	fieldOrganisation = "organisation" // given as org
	fieldOrg          = "org"
	fieldDepartment   = "department"
	fieldEmployment   = "employment"

	claimUsername = "preferred_username"

	claimEmbedded    = token.ClaimEmbedded // inner tokens, by audience
	claimTransaction = "txn"               // the transaction that a widened token is for
	claimStatus      = "status"            // where a Token Status List tells of the token
)

// brokerFields are what a broker needs to judge requests by policy. None is a person's name.
var brokerFields = []string{fieldGroups, fieldOrganisation, fieldDepartment, fieldEmployment}

// subjectFields are what the policies on an exchange judge the subject by.
var subjectFields = []string{fieldGroups}

// describe adds the named facts about the subject, and no others. A nil user is looked up.
func (i *Issuer) describe(ctx context.Context, c *token.Claims, user *symbolon.User, fields []string) error {
	if len(fields) == 0 {
		return nil
	}
	if c.Kind == token.KindService {
		i.describeService(c, fields)
		return nil
	}
	if user == nil {
		found, err := i.User(ctx, symbolon.UserID(c.Subject))
		if err != nil {
			return err
		}
		user = found
	}
	for _, field := range fields {
		describeUser(c, user, field)
	}
	return nil
}

func describeUser(c *token.Claims, user *symbolon.User, field string) {
	switch field {
	case fieldGroups:
		c.Groups = names(user.Groups)
	case fieldOrganisation, fieldOrg:
		c.Organisation = string(user.Organisation)
	case fieldDepartment:
		c.Department = user.Department
	case fieldEmployment:
		c.Employment = user.Employment
	case fieldLogin, claimUsername:
		setExtra(c, claimUsername, user.Login)
	case fieldName:
		setExtra(c, fieldName, user.Name)
	case fieldEmail:
		setExtra(c, fieldEmail, user.Email)
	default:
		if attribute, ok := user.Attributes[field]; ok && !reserved[field] {
			setExtra(c, field, attribute.Value)
		}
	}
}

func (i *Issuer) describeService(c *token.Claims, fields []string) {
	service, ok := i.Catalog.Current().Client(symbolon.ClientID(c.Subject))
	if !ok {
		return
	}
	for _, field := range fields {
		switch field {
		case fieldGroups:
			c.Groups = names(service.Groups)
		case fieldOrganisation, fieldOrg:
			c.Organisation = string(service.Organisation)
		}
	}
}

// setExtra never touches a map that another token's claims may share.
func setExtra(c *token.Claims, name string, value any) {
	if value == "" || value == nil {
		return
	}
	extra := make(map[string]any, len(c.Extra)+1)
	for k, v := range c.Extra {
		extra[k] = v
	}
	extra[name] = value
	c.Extra = extra
}

// reserved are names that mean something to whoever reads a token, an introspection or an ID
// token; no attribute may speak in them.
var reserved = map[string]bool{
	"iss": true, "sub": true, "aud": true, "exp": true, "nbf": true, "iat": true, "jti": true, "client_id": true,
	"scope": true, "sid": true, "acr": true, "amr": true, "auth_time": true, "nonce": true, "grant_id": true,
	"sub_kind": true, "act": true, "may_act": true, "cnf": true, "active": true, "token_type": true, "username": true,
	"azp": true, "at_hash": true, "c_hash": true, "s_hash": true, "authorization_details": true, "events": true,
	"roles": true, "entitlements": true, claimAncestors: true, claimUsername: true,
	claimEmbedded: true, claimTransaction: true, claimStatus: true, claimReference: true, claimHook: true,
}

func names(groups []symbolon.GroupID) []string {
	out := make([]string, len(groups))
	for n, group := range groups {
		out[n] = string(group)
	}
	return out
}
