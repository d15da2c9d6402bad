use super::*;

const OURS: &str = "portico.test";

fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

fn plain(extra: &str, body: &str) -> Vec<u8> {
    crlf(&format!(
        "From: Alice <alice@acme.test>\nTo: support@demo.portico.test\nSubject: Hello\nMessage-ID: <m1@acme.test>\n{extra}\n{body}"
    ))
}

fn head(raw: &[u8]) -> Head {
    read_head(raw, OURS).unwrap()
}

#[test]
fn an_ordinary_message_is_read() {
    let raw = plain("Cc: Bob <bob@acme.test>, carol@globex.test\n", "The printer smokes.\n");
    let head = head(&raw);
    assert_eq!(head.message_id.as_deref(), Some("m1@acme.test"));
    assert_eq!(head.from_address.as_deref(), Ok("alice@acme.test"));
    assert_eq!((head.from_name.as_str(), head.subject.as_str()), ("Alice", "Hello"));
    assert_eq!(others(&head, "support@demo.portico.test"), ["bob@acme.test", "carol@globex.test"]);
    let body = read_body(&raw).unwrap();
    assert_eq!(body.written(false), "The printer smokes.");
    assert!(body.files.is_empty());
}

#[test]
fn our_own_addresses_are_no_collaborators() {
    let raw =
        crlf("From: alice@acme.test\nTo: support+abc@demo.portico.test, reply+x@demo.portico.test, alice@acme.test\nCc: dan@x.test\n\nx");
    assert_eq!(others(&head(&raw), "support@demo.portico.test"), ["dan@x.test"]);
}

#[test]
fn only_one_from_with_one_address_names_the_sender() {
    for from in [
        "",
        "From: alice@acme.test\nFrom: eve@evil.test\n",
        "From: alice@acme.test, eve@evil.test\n",
        "From: Team: alice@acme.test;\n",
        "From: \"alice@acme.test\" <\"x y\"@evil.test>\n",
        "From: alice@acme.test.\n",
        "From: =?utf-8?q?alice=40acme.test?= <eve@=?utf-8?q?evil?=.test>\n",
    ] {
        let raw = crlf(&format!("{from}Subject: x\n\nhello"));
        assert_eq!(head(&raw).from_address, Err(Unreadable::Sender), "{from}");
    }
    for (from, address) in [
        ("=?utf-8?q?alice=40acme.test?= <eve@evil.test>", "eve@evil.test"),
        ("\"alice@acme.test\" <eve@evil.test>", "eve@evil.test"),
        ("eve@evil.test (alice@acme.test)", "eve@evil.test"),
        ("Alice\n <ALICE@acme.test>", "alice@acme.test"),
    ] {
        let raw = crlf(&format!("From: {from}\nSubject: x\n\nhello"));
        assert_eq!(head(&raw).from_address.as_deref(), Ok(address), "{from}");
    }
}

#[test]
fn a_name_in_latin_1_does_not_hide_the_sender() {
    let raw = b"From: J\xf6rg <joerg@acme.test>\r\nSubject: x\r\n\r\nhello";
    assert_eq!(head(raw).from_address.as_deref(), Ok("joerg@acme.test"));
}

#[test]
fn the_topmost_authentication_results_is_the_one() {
    let raw = plain("Authentication-Results: mx.portico.test;\n\tdmarc=fail\nAuthentication-Results: mx.portico.test; dmarc=pass\n", "x");
    assert_eq!(head(&raw).authentication.as_deref(), Some("mx.portico.test;\tdmarc=fail"));
}

#[test]
fn machines_are_recognised() {
    use crate::domain::loops::reason;
    for (extra, why) in [
        ("Auto-Submitted: auto-replied\n", "auto_submitted"),
        ("Return-Path: <>\n", "null_return_path"),
        ("Precedence: bulk\n", "bulk"),
        ("List-Id: <news.acme.test>\n", "mailing_list"),
        ("X-Auto-Response-Suppress: All\n", "auto_response_suppressed"),
        ("X-Portico-Kind: receipt\n", "own_mail"),
        ("X-Loop: yes\n", "loop_header"),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=b\n", "report"),
    ] {
        assert_eq!(reason(&head(&plain(extra, "x")).signs), Some(why), "{extra}");
    }
    let ours = crlf("From: x@acme.test\nMessage-ID: <a@portico.test>\n\nx");
    assert_eq!(reason(&head(&ours).signs), Some("own_mail"));
    let daemon = crlf("From: MAILER-DAEMON@acme.test\n\nx");
    assert_eq!(reason(&head(&daemon).signs), Some("machine_sender"));
    assert_eq!(reason(&head(&plain("", "x")).signs), None);
}

#[test]
fn text_and_files_of_a_multipart_message_are_read() {
    let raw = plain(
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=m\n",
        "--m\nContent-Type: multipart/alternative; boundary=a\n\n--a\nContent-Type: text/plain; charset=iso-8859-1\n\
         Content-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n--a\nContent-Type: text/html\n\n<p>Gr&uuml;&szlig;e</p>\n--a--\n\
         --m\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment;\n filename*0*=utf-8''Rech;\n filename*1*=nung%20%C3%BC.pdf\n\nJVBERg==\n\
         --m\nContent-Type: image/png\nContent-Transfer-Encoding: base64\nContent-Disposition: inline; filename=\"../../etc/passwd\"\n\niVBORw0KGgo=\n\
         --m\nContent-Type: message/rfc822\n\nFrom: x@y.test\nSubject: inner\n\ninner\n--m--\n",
    );
    let body = read_body(&raw).unwrap();
    assert_eq!((body.written(false).as_str(), body.from_html), ("Grüße", false));
    let names: Vec<&str> = body.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names[0], "Rechnung ü.pdf");
    assert_eq!(body.files[0].bytes, b"%PDF");
    assert!(names.contains(&"message.eml"), "{names:?}");
}

#[test]
fn html_alone_becomes_text() {
    let raw = plain(
        "Content-Type: text/html; charset=utf-8\n",
        "<html><body><p>It <b>works</b>.</p><script>alert(1)</script><style>p{}</style></body></html>",
    );
    let body = read_body(&raw).unwrap();
    assert!(body.from_html && body.written(false).contains("It works."), "{body:?}");
    assert!(!body.text.contains("<b>") && !body.text.contains('{'), "{body:?}");
}

#[test]
fn a_broken_charset_or_encoding_is_read_as_far_as_it_goes() {
    for extra in [
        "Content-Type: text/plain; charset=no-such-charset\n",
        "Content-Type: text/plain; charset=\"utf-16\nContent-Transfer-Encoding: base64\n",
        "Content-Transfer-Encoding: base64\n",
        "Content-Type: multipart/mixed\n",
        "Content-Type: multipart/mixed; boundary=\"\"\n",
        "Content-Type: ;;;===\n",
        "Subject: =?utf-8?b?////?= =?no-such?q?x?= =?utf-8?q?=0D=0ABcc:_x?=\n",
    ] {
        let raw = plain(extra, "hello \u{fffd}\n");
        assert!(!head(&raw).subject.contains(['\r', '\n']));
        read_body(&raw).unwrap();
    }
}

#[test]
fn bombs_are_refused() {
    let nested = "Content-Type: message/rfc822\n\n".repeat(30);
    assert_eq!(read_body(&crlf(&format!("From: a@b.test\n{nested}x"))), Err(Unreadable::Depth));
    let deeper = "Content-Type: message/rfc822\n\n".repeat(100_000);
    assert_eq!(read_body(&crlf(&format!("From: a@b.test\n{deeper}x"))), Err(Unreadable::Depth));
    let parts = "--b\n\nx\n".repeat(300);
    assert_eq!(read_body(&plain("Content-Type: multipart/mixed; boundary=b\n", &format!("{parts}--b--\n"))), Err(Unreadable::Parts));
    let many = "--b\n\nx\n".repeat(30_000);
    assert_eq!(read_body(&plain("Content-Type: multipart/mixed; boundary=b\n", &many)), Err(Unreadable::Parts));
    let mut multi = String::new();
    for level in 0..40 {
        multi.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
    }
    assert_eq!(read_body(&crlf(&format!("From: a@b.test\n{multi}\n\nx"))), Err(Unreadable::Depth));
    let hidden = "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n";
    assert_eq!(read_body(&plain(hidden, "RnJvbTogYUBiLnRlc3QNCg0KeA==")), Err(Unreadable::Structure));
    assert_eq!(read_body(&plain("Content-Type: multipart/(x)digest; boundary=b\n", "--b\n\nx")), Err(Unreadable::Structure));
    let headers = "X-A: b\n".repeat(2_000);
    assert_eq!(read_head(&plain(&headers, "x"), OURS), Err(Unreadable::Header));
    assert_eq!(read_head(&plain(&format!("X-A: {}\n", "b".repeat(300_000)), "x"), OURS), Err(Unreadable::Header));
}

#[test]
fn nothing_is_malformed_not_a_crash() {
    for raw in [b"".as_slice(), b"\r\n", b"\n\nbody only", b"\0", b"\xff\xfe\r\n\r\n"] {
        assert!(read_head(raw, OURS).is_err() || read_head(raw, OURS).unwrap().from_address.is_err(), "{raw:?}");
        let _ = read_body(raw);
    }
}

#[test]
fn more_files_than_allowed_are_left_out() {
    let file = "--b\nContent-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment\n\nx\n".repeat(25);
    let body = read_body(&plain("Content-Type: multipart/mixed; boundary=b\n", &format!("--b\n\nsee files\n{file}--b--\n"))).unwrap();
    assert_eq!((body.files.len(), body.left_out), (MAX_FILES, 5));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_fall_over(raw in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2000)) {
        let _ = read_head(&raw, OURS);
        let _ = read_body(&raw);
    }

    #[test]
    fn no_mixture_of_real_pieces_does(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "From: a@b.test", "\r\n", "\r\n\r\n", "Content-Type: multipart/mixed; boundary=b", "--b", "--b--", "Content-Transfer-Encoding: base64",
        "Content-Type: message/rfc822", "Subject: =?utf-8?q?", "=?=", "charset=utf-7", "filename*0*=utf-8''", "\"", "(", ";", "\t", "\u{0}", "AAAA",
    ]), 0..60)) {
        let raw = pieces.concat().into_bytes();
        let _ = read_head(&raw, OURS);
        let _ = read_body(&raw);
    }
}
