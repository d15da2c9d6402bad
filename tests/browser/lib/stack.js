// The running stack: its status, a portal of a test's own, its people, and caught mail.
import { createHash, createHmac, randomBytes } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const folder = process.env.PORTICO_STACK;
if (!folder) throw new Error("PORTICO_STACK names the data folder of a running stack; ./test browser sets it");

export const status = JSON.parse(readFileSync(join(folder, "status.json"), "utf8"));
export const PASSWORD = "nine quiet otters cross";
export const DEMO_PASSWORD = "a-demo-Passphrase-41";

export async function until(what, ask, patience = 30_000) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// The proof of work: a number such that SHA-256 of salt and number begins with enough zero bits.
export function solve({ salt, difficulty }) {
  for (let number = 0; ; number += 1) {
    const digest = createHash("sha256").update(`${salt}${number}`).digest();
    let bits = 0;
    for (const byte of digest) {
      if (byte === 0) { bits += 8; continue; }
      bits += Math.clz32(byte) - 24;
      break;
    }
    if (bits >= difficulty) return number;
  }
}

export class Api {
  constructor(slug, token) {
    this.base = `${status.public}/api/v1/portals/${slug}`;
    this.token = token;
  }

  async call(method, path, body) {
    const url = path.startsWith("/") ? `${status.public}${path}` : `${this.base}/${path}`;
    const headers = { ...(this.token && { authorization: `Bearer ${this.token}` }), ...(body && { "content-type": "application/json" }) };
    if (body) headers["idempotency-key"] = randomBytes(16).toString("hex");
    let answer;
    // A busy service asks to come again later: the same request with the same key.
    for (let tries = 0; tries < 80; tries += 1) {
      answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
      if (answer.status !== 503) break;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${url} answered ${answer.status}: ${text}`);
    return text ? JSON.parse(text) : null;
  }

  get(path) { return this.call("GET", path); }
  post(path, body = {}) { return this.call("POST", path, body); }
  patch(path, body) { return this.call("PATCH", path, body); }
}

// Mail to an address, of a kind, perhaps about a ticket: waits for it. Headers and text are read as far as the tests need.
export function mail(address, kind, ticket) {
  return until(`mail of kind ${kind} to ${address}`, () => mails(address, kind).find((one) => !ticket || one.ticket === ticket));
}

export function mails(address, kind) {
  const found = [];
  for (const name of readdirSync(status.mail_dir).filter((name) => name.endsWith(".eml")).sort()) {
    const raw = readFileSync(join(status.mail_dir, name), "utf8");
    const head = raw.slice(0, raw.search(/\r?\n\r?\n/)).replace(/\r?\n[ \t]+/g, " ");
    const header = (key) => head.match(new RegExp(`^${key}: (.*)$`, "im"))?.[1].trim() ?? "";
    if (!header("To").toLowerCase().includes(address.toLowerCase()) || header("X-Portico-Kind") !== kind) continue;
    found.push({ name, ticket: header("X-Portico-Ticket"), replyTo: header("Reply-To").match(/[^<\s]+@[^>\s]+/)?.[0] ?? "", text: decoded(raw) });
  }
  return found;
}

// Quoted-printable and base64 parts as text, all in one.
function decoded(raw) {
  const quoted = raw.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  const blocks = [...raw.matchAll(/\r?\n\r?\n((?:[A-Za-z0-9+/]{4,76}\r?\n)+[A-Za-z0-9+/=]*)/g)].map(([, block]) => Buffer.from(block, "base64").toString("utf8"));
  return [quoted, ...blocks].join("\n");
}

export function linkIn(text, mark) {
  const path = text.match(new RegExp(`/portal/[a-z0-9-]+/${mark}/[A-Za-z0-9_.~-]+`))?.[0];
  if (!path) throw new Error(`no ${mark} link in ${text}`);
  return path;
}

export class Portal {
  static async create(profile = "helpdesk") {
    const portal = new Portal();
    portal.slug = `b${randomBytes(5).toString("hex")}`;
    const operator = new Api("", status.operator_token);
    const made = await operator.post("/api/v1/portals", { slug: portal.slug, title: `Help ${portal.slug}`, profile, admin_email: portal.address("admin") });
    portal.secret = made.inbound_secret;
    portal.guest = new Api(portal.slug);
    const session = await portal.guest.post("auth/register", { token: made.invitation.url.split("/").pop(), password: PASSWORD, name: "Ada Admin" });
    portal.admin = new Api(portal.slug, session.access_token);
    // The gateway's copy of the settings follows within two seconds.
    await until("the portal's pages know it", async () => (await (await fetch(`${portal.url}/`)).text()).includes(`Help ${portal.slug}`));
    return portal;
  }

  get url() { return `${status.public}/portal/${this.slug}`; }
  get desk() { return `${status.public}/desk/${this.slug}`; }
  address(name) { return `${name}@${this.slug}.test`; }

  // Hands a mail to the inbound door as a mail provider does; proven: its sender is who it says. Answers its Message-ID once it is worked off.
  async inbound({ from, to, subject, body, proven = true }) {
    const id = `${randomBytes(8).toString("hex")}@mail.test`;
    const head = [`Authentication-Results: mx.portico.test; dmarc=${proven ? "pass" : "fail"} header.from=${from.split("@")[1]}`, `From: ${from}`, `To: ${to}`, `Subject: ${subject}`, `Message-ID: <${id}>`];
    const raw = `${head.join("\r\n")}\r\n\r\n${body}\r\n`;
    const at = String(Math.floor(Date.now() / 1000));
    const signature = `sha256=${createHmac("sha256", this.secret).update(`${at}.${raw}`).digest("hex")}`;
    const headers = { "content-type": "message/rfc822", "x-portico-timestamp": at, "x-portico-signature": signature };
    const answer = await fetch(`${this.guest.base}/inbound-email`, { method: "POST", headers, body: raw });
    if (answer.status !== 202) throw new Error(`the inbound door answered ${answer.status}: ${await answer.text()}`);
    await until("the mail to be worked off", async () => (await this.admin.get(`inbound-email/${id}`)).state !== "queued");
    return id;
  }

  async person(name, role = "customer", more = {}) {
    const email = this.address(name);
    await this.admin.post("invitations", { email, name, role, ...more });
    const token = linkIn((await mail(email, "invite")).text, "invite").split("/").pop();
    const session = await this.guest.post("auth/register", { token, password: PASSWORD, name });
    return Object.assign(new Api(this.slug, session.access_token), { email, id: session.user.id });
  }
}
