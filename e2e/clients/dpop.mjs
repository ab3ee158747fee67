// Drives the demo with keys: openid-client and oauth4webapi prove them by DPoP (RFC 9449) at the issuer
// and at the broker. The story has made orders need nonces, and billing ask for bound tokens.
import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import * as client from "openid-client";
import * as oauth from "oauth4webapi";
import { Agent, fetch as undiciFetch } from "undici";

const facts = JSON.parse(await text(process.stdin));
// Names under .localhost are this machine (RFC 6761), whatever the resolver says.
const dispatcher = new Agent({
  connect: { lookup: (_host, options, done) => options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4) },
});
const customFetch = (url, options) => undiciFetch(url, { ...options, dispatcher });
const { orders, billing } = facts.services;
const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const accessToken = "urn:ietf:params:oauth:token-type:access_token";

{ // openid-client: nonces at the issuer, a bound token at the broker, an exchange that binds anew
  const config = await client.discovery(new URL(facts.issuer), orders.client_id, undefined,
    client.ClientSecretBasic(orders.client_secret), { [client.customFetch]: customFetch, execute: [client.allowInsecureRequests] });
  assert.ok(config.serverMetadata().dpop_signing_alg_values_supported.includes("ES256"));
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const own = await client.clientCredentialsGrant(config, { resource: orders.resource }, { DPoP });
  assert.equal(own.token_type, "dpop");
  const seen = await client.tokenIntrospection(config, own.access_token);
  assert.equal(seen.token_type, "DPoP");
  assert.equal(seen.cnf.jkt, await DPoP.calculateThumbprint());

  const at = (token, service, options) => client.fetchProtectedResource(config, token, new URL(service.resource + "/?q=1"), "GET", undefined, undefined, options);
  const served = await at(own.access_token, orders, { DPoP });
  assert.equal(served.status, 200);
  assert.ok(!Object.keys((await served.json()).headers).some((name) => /dpop/i.test(name)));
  const thief = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const refused = (attempt) => assert.rejects(attempt, (error) => error.status === 401);
  await refused(at(own.access_token, orders, { DPoP: thief }));
  await refused(at(own.access_token, orders));

  const ask = { subject_token: own.access_token, subject_token_type: accessToken, resource: billing.resource };
  await assert.rejects(client.genericGrantRequest(config, exchange, ask), (error) => error.error === "invalid_dpop_proof");
  const acting = await client.genericGrantRequest(config, exchange, ask, { DPoP });
  assert.equal(acting.token_type, "dpop");
  const billed = await at(acting.access_token, billing, { DPoP }); // asks for a nonce first
  assert.equal(billed.status, 200);
  assert.equal((await billed.json()).act.sub, "orders");
  await refused(at(acting.access_token, billing));
  console.log("openid-client: nonces, bound tokens, exchange, theft and downgrade refused");
}

{ // oauth4webapi: every algorithm that both sides know
  const options = { [oauth.customFetch]: customFetch, [oauth.allowInsecureRequests]: true };
  const issuer = new URL(facts.issuer);
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
  const me = { client_id: orders.client_id };
  const authenticate = oauth.ClientSecretPost(orders.client_secret);
  for (const algorithm of ["ES256", "ES384", "Ed25519", "PS256", "RS256"]) {
    const DPoP = oauth.DPoP(me, await oauth.generateKeyPair(algorithm));
    const get = async () => oauth.processClientCredentialsResponse(server, me,
      await oauth.clientCredentialsGrantRequest(server, me, authenticate, { resource: orders.resource }, { ...options, DPoP }));
    await assert.rejects(get, oauth.isDPoPNonceError); // the first answer gives the nonce
    const granted = await get();
    const use = () => oauth.protectedResourceRequest(granted.access_token, "GET", new URL(orders.resource + "/"), undefined, undefined, { ...options, DPoP });
    assert.equal((await use()).status, 200, algorithm);
    assert.equal((await use()).status, 200, algorithm);
  }
  console.log("oauth4webapi: bound tokens by ES256, ES384, Ed25519, PS256, RS256");
}
