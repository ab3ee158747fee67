package store

import "symbolon.dev"

// plan turns a change into statements. Events are not here: they need the head of the log.
func (db *DB) plan(change symbolon.Change) ([]statement, error) {
	switch c := change.(type) {
	case symbolon.PutUser:
		return putUser(c.User)
	case symbolon.DeleteUser:
		return deleteUser(c.ID), nil
	case symbolon.PutCredential:
		return putCredential(c.Credential), nil
	case symbolon.DeleteCredential:
		return deleteCredential(c), nil
	case symbolon.PutConsent:
		return putConsent(c.Consent), nil
	case symbolon.PutObject:
		return putObject(c), nil
	case symbolon.DeleteObject:
		return deleteObject(c), nil
	case symbolon.PutAuthorization:
		return putAuthorization(c.Authorization), nil
	case symbolon.PutKey:
		return putKey(c.Key), nil
	}
	return db.planLive(change)
}

// planLive plans the changes of what comes and goes by itself.
func (db *DB) planLive(change symbolon.Change) ([]statement, error) {
	switch c := change.(type) {
	case symbolon.PutSession:
		return putSession(c.Session), nil
	case symbolon.TouchSession:
		return touchSession(c), nil
	case symbolon.EndSession:
		return endSession(c), nil
	case symbolon.IssueToken:
		return issueToken(c.Token), nil
	case symbolon.UseToken:
		return useToken(c), nil
	case symbolon.IssueTicket:
		return issueTicket(c.Ticket), nil
	case symbolon.UseTicket:
		return useTicket(c), nil
	case symbolon.MarkOnce:
		return markOnce(c, db.clock()), nil
	case symbolon.Revoke:
		return revoke(c.Revocation), nil
	}
	return planRest(change)
}

func planRest(change symbolon.Change) ([]statement, error) {
	switch c := change.(type) {
	case symbolon.ListStatus:
		return listStatus(c.Status), nil
	case symbolon.PutStream:
		return putStream(c.Stream), nil
	case symbolon.AckStream:
		return ackStream(c), nil
	case symbolon.DeleteStream:
		return deleteStream(c.ID), nil
	case symbolon.Attempt:
		return attempt(c), nil
	case symbolon.ClearAttempts:
		return clearAttempts(c.Key), nil
	}
	return nil, symbolon.Errorf(symbolon.Internal, "the store knows no change %T", change)
}
