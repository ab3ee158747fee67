package signals

import (
	"net/http"

	"symbolon.dev/internal/door"
)

// Delivery methods (SSF 1.0 §6.1).
const (
	deliveryPush = "urn:ietf:rfc:8935"
	deliveryPoll = "urn:ietf:rfc:8936"
)

// configuration is SSF 1.0 §7.1.
type configuration struct {
	SpecVersion            string              `json:"spec_version"`
	Issuer                 string              `json:"issuer"`
	JWKS                   string              `json:"jwks_uri"`
	DeliveryMethods        []string            `json:"delivery_methods_supported"`
	ConfigurationEndpoint  string              `json:"configuration_endpoint"`
	StatusEndpoint         string              `json:"status_endpoint"`
	AddSubjectEndpoint     string              `json:"add_subject_endpoint"`
	RemoveSubjectEndpoint  string              `json:"remove_subject_endpoint"`
	VerificationEndpoint   string              `json:"verification_endpoint"`
	CriticalSubjectMembers []string            `json:"critical_subject_members"`
	AuthorizationSchemes   []map[string]string `json:"authorization_schemes"`
	DefaultSubjects        string              `json:"default_subjects"`
}

func (t *Transmitter) discover(w http.ResponseWriter, _ *http.Request, _ *door.Event) error {
	door.WriteJSON(w, http.StatusOK, "application/json", configuration{
		SpecVersion: "1_0", Issuer: t.Issuer, JWKS: t.Issuer + "/jwks", DeliveryMethods: []string{deliveryPoll},
		ConfigurationEndpoint: t.Issuer + "/ssf/stream", StatusEndpoint: t.Issuer + "/ssf/status",
		AddSubjectEndpoint: t.Issuer + "/ssf/subjects/add", RemoveSubjectEndpoint: t.Issuer + "/ssf/subjects/remove",
		VerificationEndpoint: t.Issuer + "/ssf/verify", CriticalSubjectMembers: []string{"session"},
		AuthorizationSchemes: []map[string]string{{"spec_urn": "urn:ietf:rfc:6749"}}, DefaultSubjects: "ALL",
	})
	return nil
}
