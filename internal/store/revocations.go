package store

import (
	"context"
	"strconv"
	"strings"

	"symbolon.dev"
)

// manyTargets is how many revocations one query looks for.
const manyTargets = 64

func fillRevocation(r rows, v *symbolon.Revocation) error {
	return r.Scan(&v.Target, intoTime{&v.Before}, intoTime{&v.Until})
}

// Revocations finds which of the targets are revoked.
func (db *DB) Revocations(ctx context.Context, targets ...string) ([]symbolon.Revocation, error) {
	var found []symbolon.Revocation
	for len(targets) > 0 {
		some := targets[:min(len(targets), manyTargets)]
		targets = targets[len(some):]
		marks, args := placeholders(1, some)
		more, err := list(ctx, db, fillRevocation, `SELECT target, issued_before, keep_until FROM revocations
			WHERE target IN (`+marks+`)`, args...)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// AllRevocations lists every revocation that is kept.
func (db *DB) AllRevocations(ctx context.Context) ([]symbolon.Revocation, error) {
	return list(ctx, db, fillRevocation, `SELECT target, issued_before, keep_until FROM revocations ORDER BY target`)
}

// placeholders numbers values from first on, for an IN list.
func placeholders[T ~string](first int, values []T) (string, []any) {
	var marks strings.Builder
	args := make([]any, 0, len(values))
	for i, v := range values {
		if i > 0 {
			marks.WriteString(", ")
		}
		marks.WriteString("$" + strconv.Itoa(first+i))
		args = append(args, string(v))
	}
	return marks.String(), args
}

// revoke only widens: no Before beats any, a later one beats an earlier; likewise Until.
func revoke(v symbolon.Revocation) []statement {
	return []statement{{
		sql: `INSERT INTO revocations (target, issued_before, keep_until) VALUES ($1, $2, $3)
			ON CONFLICT (target) DO UPDATE SET
			issued_before = CASE WHEN excluded.issued_before = 0 OR revocations.issued_before = 0 THEN 0
				WHEN excluded.issued_before > revocations.issued_before THEN excluded.issued_before
				ELSE revocations.issued_before END,
			keep_until = CASE WHEN excluded.keep_until = 0 OR revocations.keep_until = 0 THEN 0
				WHEN excluded.keep_until > revocations.keep_until THEN excluded.keep_until
				ELSE revocations.keep_until END`,
		args: []any{v.Target, micro(v.Before), micro(v.Until)},
	}}
}
