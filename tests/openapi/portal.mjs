// Makes a portal with an administrator and prints: base URL, the administrator's token, the portal's slug.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const status = JSON.parse(readFileSync(join(process.argv[2], "status.json"), "utf8"));
const slug = `o${randomBytes(5).toString("hex")}`;

async function post(path, token, body) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(`${status.public}/api/v1/portals${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

const made = await post("", status.operator_token, { slug, title: "OpenAPI", profile: "helpdesk", admin_email: `admin@${slug}.test` });
const session = await post(`/${slug}/auth/register`, null, { token: made.invitation.url.split("/").pop(), password: "nine quiet otters cross", name: "Ada" });
// An API token outlives the run; an access token would not.
const lasting = await post(`/${slug}/me/tokens`, session.access_token, { name: "openapi", scopes: ["*"] }).then((one) => one.token, () => session.access_token);
console.log(status.public, lasting, slug);
