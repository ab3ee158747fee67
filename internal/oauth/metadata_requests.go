package oauth

import (
	"slices"

	"symbolon.dev"
	"symbolon.dev/token"
)

// describeRequests tells how authorization may be asked for: RFC 9126 §5, RFC 9101 §10.5, JARM §4,
// RFC 9396 §10.
func (e *endpoints) describeRequests(described map[string]any) {
	described["pushed_authorization_request_endpoint"] = e.Issuer + pathPushed
	described["require_pushed_authorization_requests"] = false // some clients have to, by their profile
	described["require_signed_request_object"] = false         // likewise
	described["request_parameter_supported"] = true
	described["request_uri_parameter_supported"] = e.HTTP != nil // by reference elsewhere; pushed ones always
	if e.HTTP != nil {
		described["require_request_uri_registration"] = true
	}
	described["request_object_signing_alg_values_supported"] = token.Algorithms()
	described["authorization_signing_alg_values_supported"] = e.signingAlgorithms(token.Algorithms())
	if types := e.Catalog.Current().DetailTypes(); len(types) > 0 {
		described["authorization_details_types_supported"] = types
	}
}

// signingAlgorithms keeps those that there is a key for.
func (e *endpoints) signingAlgorithms(list []string) []string {
	keys := e.Keys.Keys()
	return slices.DeleteFunc(slices.Clone(list), func(alg string) bool {
		return !slices.ContainsFunc(keys, func(k symbolon.SigningKey) bool { return k.Alg == alg })
	})
}

// signed gives the metadata once more as a JWT (RFC 8414 §2.1), which proves that whoever has the
// keys of the jwks_uri says so.
func (e *endpoints) signed(described map[string]any) (string, error) {
	signer, err := e.Keys.Signer(token.ES256)
	if err != nil {
		return "", err
	}
	claims := make(map[string]any, len(described)+2)
	for name, value := range described {
		claims[name] = value
	}
	claims["iss"], claims["iat"] = e.Issuer, e.Clock().Unix()
	return token.Sign(signer, "JWT", claims)
}
