//! Story 2: asking. The form's fields, files, suggestions, the receipt, and one's own list.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use portico_integration_tests::client::{fresh_key, number};
use portico_integration_tests::{Client, Portal, World, wait};
use serde_json::{Value, json};

async fn catalogue(portal: &Portal<'_>) -> (String, String, String) {
    let department = portal.admin.post("departments", json!({"name": "Support"})).await.expect(201);
    let department_id = department["id"].as_str().unwrap().to_owned();
    let product = portal.admin.post("products", json!({"name": "Climate Gateway", "department": department_id})).await.expect(201);
    let product_id = product["id"].as_str().unwrap().to_owned();
    let category = portal.admin.post("categories", json!({"name": "Installation", "product": product_id})).await.expect(201);
    (department_id, product_id, category["id"].as_str().unwrap().to_owned())
}

fn numbers(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(number).collect()
}

/// CR-4, CR-12, CR-13 to CR-17, CR-22, CR-24, VL-16 to VL-20
#[tokio::test]
async fn a_request_carries_its_fields_and_files() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (department, product, category) = catalogue(&portal).await;
    let alice = portal.customer("alice").await;
    let offered = alice.get("catalog").await.expect(200);
    assert_eq!(offered["products"][0]["name"], "Climate Gateway");

    let picture = alice.upload("Foto ü.png", "image/png", tiny_png()).await;
    let body = json!({
        "subject": "Relay clicks", "description": "It clicks.", "department": department, "product": product, "category": category,
        "priority": "high", "impact": "medium", "urgency": "high", "contact_name": "Site manager", "uploads": [picture], "type": "incident",
    });
    let ticket = alice.post("tickets", body).await.expect(201);
    assert_eq!(ticket["product"], json!({"id": product, "name": "Climate Gateway"}));
    assert_eq!(ticket["category"]["name"], "Installation");
    assert_eq!(ticket["department"]["name"], "Support");
    assert_eq!((&ticket["priority"], &ticket["impact"], &ticket["urgency"]), (&json!("high"), &json!("medium"), &json!("high")));
    assert_eq!(ticket["contact_name"], "Site manager");
    assert_eq!(ticket["type"], "incident");
    assert!(ticket["created_at"].is_string() && ticket["resolved_at"].is_null());

    let timeline = alice.get(&format!("tickets/{}/timeline", number(&ticket))).await.expect(200);
    let created = &timeline["items"][0];
    assert_eq!(created["kind"], "created");
    assert_eq!(created["attachments"][0]["name"], "Foto ü.png");
    let file = created["attachments"][0]["id"].as_str().unwrap().to_owned();
    wait::until("the file can be downloaded", async || {
        let answer = alice.get(&format!("attachments/{file}")).await;
        if answer.status == 409 {
            return None;
        }
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-disposition").starts_with("attachment"), "{}", answer.header("content-disposition"));
        assert_eq!(answer.bytes, tiny_png());
        Some(())
    })
    .await;
    let carol = portal.customer("carol").await;
    assert_eq!(carol.get(&format!("attachments/{file}")).await.status, 404, "a stranger's file does not exist");
    alice.post("tickets", json!({"subject": "Again", "description": "x", "uploads": [picture]})).await.refused_field("uploads");
}

/// CR-18: everything that is wrong is named at once; nothing is stored.
#[tokio::test]
async fn what_is_wrong_is_named_field_by_field() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let body = json!({"subject": "", "description": "", "priority": "extreme", "product": "00000000-0000-7000-8000-000000000000", "colour": "red"});
    let refusal = alice.post("tickets", body).await.expect(422);
    let fields: Vec<&str> = refusal["errors"].as_array().unwrap().iter().filter_map(|error| error["field"].as_str()).collect();
    assert!(fields.contains(&"colour") || fields.len() >= 2, "all fields at once: {refusal}");
    alice.post("tickets", json!({"subject": "", "description": ""})).await.refused_field("subject");
    alice.post("tickets", json!({"subject": "x", "description": ""})).await.refused_field("description");
    alice
        .post("tickets", json!({"subject": "x", "description": "y", "product": "00000000-0000-7000-8000-000000000000"}))
        .await
        .refused_field("product");
    alice.post("tickets", json!({"subject": "s".repeat(10_000), "description": "y"})).await.refused_field("subject");
    let unknown = alice.post("tickets", json!({"subject": "x", "description": "y", "status": "closed"})).await.expect(422);
    assert!(unknown.to_string().contains("status"), "{unknown}");
    assert!(numbers(&alice.get("tickets").await.expect(200)).is_empty(), "nothing was stored");
}

/// CR-15, CR-16: the matrix makes the priority; a field that the policy keeps from the caller is refused.
#[tokio::test]
async fn the_matrix_of_impact_and_urgency_makes_the_priority() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    portal.settings(json!({"policies": {"priority_entry": "matrix"}})).await;
    let alice = portal.customer("alice").await;
    wait::until("the setting is effective", async || {
        let answer = alice.post("tickets", json!({"subject": "p", "description": "d", "priority": "urgent"})).await;
        (answer.status == 422).then(|| assert_eq!(answer.body["code"], "not_allowed", "{}", answer.body))
    })
    .await;
    for (impact, urgency, priority) in [
        ("high", "high", "urgent"),
        ("high", "medium", "high"),
        ("medium", "high", "high"),
        ("low", "low", "low"),
        ("low", "medium", "low"),
        ("medium", "medium", "normal"),
        ("high", "low", "normal"),
    ] {
        let ticket =
            alice.post("tickets", json!({"subject": "m", "description": "d", "impact": impact, "urgency": urgency})).await.expect(201);
        assert_eq!(ticket["priority"], priority, "{impact} and {urgency}");
    }
}

/// I02: one key, one effect, byte-equal answers.
#[tokio::test]
async fn the_same_key_creates_once_and_answers_the_same_bytes() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let key = fresh_key();
    let body = json!({"subject": "Once", "description": "Only once."});
    let first = alice.post_once("tickets", &key, &body).await;
    let again = alice.post_once("tickets", &key, &body).await;
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!((first.status, &first.bytes), (again.status, &again.bytes));
    let other = json!({"subject": "Another", "description": "Body."});
    alice.post_once("tickets", &key, &other).await.refused(422, "idempotency_key_reused");
    assert_eq!(numbers(&alice.get("tickets").await.expect(200)).len(), 1);
    let (left, right) = {
        let key = fresh_key();
        tokio::join!(alice.post_once("tickets", &key, &body), alice.post_once("tickets", &key, &body))
    };
    for answer in [&left, &right] {
        assert!(answer.status == 201 || answer.status == 409, "{}", answer.status);
    }
    if left.status == 201 && right.status == 201 {
        assert_eq!(left.bytes, right.bytes);
    }
    assert_eq!(numbers(&alice.get("tickets").await.expect(200)).len(), 2);
}

/// VL-1 to VL-3, VL-11 to VL-14: one's own list with filters, search, order and pages.
#[tokio::test]
async fn the_own_list_is_filtered_searched_sorted_and_paged() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (alice, carol) = (portal.customer("alice").await, portal.customer("carol").await);
    let make = |client: Client, subject: &'static str, priority: &'static str| async move {
        let body = json!({"subject": subject, "description": format!("About {subject}."), "priority": priority});
        number(&client.post("tickets", body).await.expect(201))
    };
    let pump = make(alice.clone(), "Pump noise", "low").await;
    let valve = make(alice.clone(), "Valve stuck", "urgent").await;
    let sensor = make(alice.clone(), "Sensor offline", "normal").await;
    make(carol.clone(), "Carol's own", "normal").await;

    let list = async |query: &str| numbers(&alice.get(&format!("tickets?{query}")).await.expect(200));
    assert_eq!(list("").await, [sensor.clone(), valve.clone(), pump.clone()], "newest first, nobody else's");
    assert_eq!(list("sort=created_at").await, [pump.clone(), valve.clone(), sensor.clone()]);
    assert_eq!(list("priority=urgent").await, [valve.as_str()]);
    assert_eq!(list("subject=valve").await, [valve.as_str()]);
    assert_eq!(list("status=new&state=open").await.len(), 3);
    assert!(list("state=closed").await.is_empty());
    assert_eq!(list(&format!("number={pump}")).await, [pump.as_str()]);
    assert_eq!(list(&format!("email={}", alice.email())).await.len(), 3);
    wait::until("search finds the words of a ticket", async || (list("q=sensor").await == [sensor.clone()]).then_some(())).await;

    let first = alice.get("tickets?limit=2").await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("there is a second page").to_owned();
    let second = alice.get(&format!("tickets?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!(numbers(&second), [pump.as_str()]);
    assert!(second["next_cursor"].is_null());
    assert_eq!(carol.get(&format!("tickets?limit=2&cursor={cursor}")).await.status, 400, "a foreign cursor (S40)");
    let flipped: String = cursor.chars().rev().collect();
    assert_eq!(alice.get(&format!("tickets?limit=2&cursor={flipped}")).await.status, 400, "a tampered cursor (S40)");
    assert_eq!(alice.get("tickets?limit=1000").await.status, 422);
    assert_eq!(alice.get("tickets?sort=colour").await.status, 422);
    assert_eq!(alice.get("tickets?colour=red").await.status, 422);
    alice.get("tickets?scope=all").await.expect(403);
    let csv = alice.get("tickets?format=csv").await;
    assert!(csv.header("content-type").starts_with("text/csv"), "{}", csv.header("content-type"));
    assert!(String::from_utf8_lossy(&csv.bytes).contains("Valve stuck"));
}

/// Fitting articles while the subject is typed (section 3.2; KB-1).
#[tokio::test]
async fn fitting_articles_are_suggested_while_typing() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let agent = portal.agent("agnes").await;
    let body =
        json!({"title": "Pair a wireless thermostat", "body": "Hold the **pairing** button for five seconds.", "state": "published"});
    agent.post("articles", body).await.expect(201);
    let alice = portal.customer("alice").await;
    for asker in [alice, portal.guest()] {
        wait::until("the article is suggested", async || {
            let groups = asker.get("suggest?q=pair%20thermo").await.expect(200);
            groups["groups"]
                .as_array()
                .unwrap()
                .iter()
                .any(|group| group["items"].to_string().contains("Pair a wireless thermostat"))
                .then_some(())
        })
        .await;
    }
}

/// A guest's request waits until its address is proven; it is the same for a known address.
#[tokio::test]
async fn a_guest_learns_nothing_about_an_address() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let guest = portal.guest();
    let ask = async |email: &str| {
        let body = json!({"subject": "Hello", "description": "There.", "email": email, "name": "Somebody", "captcha": guest.captcha("guest_ticket").await});
        guest.post("tickets", body).await.expect(201)
    };
    let known = ask(alice.email()).await;
    let unknown = ask(&portal.address("new")).await;
    assert_eq!(known["verified"], false);
    assert_eq!(known.as_object().unwrap().keys().collect::<Vec<_>>(), unknown.as_object().unwrap().keys().collect::<Vec<_>>());
    guest
        .post("tickets", json!({"subject": "No captcha", "description": "x", "email": "a@b.test", "name": "A"}))
        .await
        .refused_field("captcha");
    let strict = world.portal("service-desk").await;
    let shut = strict.guest();
    let refused = shut
        .post(
            "tickets",
            json!({"subject": "s", "description": "d", "email": "a@b.test", "name": "A", "captcha": {"token": "x", "number": 1}}),
        )
        .await;
    // Where the portal takes no guests, asking needs a sign-in: 401, as for everything that does.
    refused.refused(401, "sign_in_required");
}

/// VL-14: a file of a list has every row, whatever a page holds, or as many as were asked for.
#[tokio::test]
async fn a_csv_file_has_all_rows_or_as_many_as_asked_for() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    for at in 0..105 {
        alice.ticket(&format!("Row {at:03}")).await;
    }
    let rows = async |query: &str| {
        let answer = alice.get(&format!("tickets?format=csv&{query}")).await;
        assert_eq!(answer.status, 200, "{query}");
        String::from_utf8_lossy(&answer.bytes).lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let all = rows("sort=created_at").await;
    assert_eq!(all.len(), 105);
    assert!(all[0].contains("Row 000") && all[104].contains("Row 104"));
    assert_eq!(rows("limit=7").await.len(), 7);
    assert_eq!(alice.get("tickets?format=csv&limit=1000").await.status, 422);
}

/// Single resources carry an ETag, also those without a version of their own.
#[tokio::test]
async fn the_portal_and_its_catalogue_are_sent_once() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    for path in ["", "catalog"] {
        let first = alice.get(path).await;
        let tag = first.header("etag").to_owned();
        assert!(!tag.is_empty(), "GET P/{path} has an ETag");
        let again = alice.send(alice.request(reqwest::Method::GET, path).header("if-none-match", &tag)).await;
        assert_eq!((again.status, again.bytes.len()), (304, 0), "{path}");
    }
    let before = alice.get("catalog").await.header("etag").to_owned();
    portal.admin.post("departments", json!({"name": "Support"})).await.expect(201);
    assert_ne!(alice.get("catalog").await.header("etag"), before);
}

/// AN-5: one's own requests are found best first, with the words marked.
#[tokio::test]
async fn found_requests_stand_best_first_with_the_words_marked() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let make = async |subject: &str, text: &str| {
        number(&alice.post("tickets", json!({"subject": subject, "description": text})).await.expect(201))
    };
    let best = make("Condenser hums", "It is the <condenser> of floor two.").await;
    let other = make("Something else", "Near the condenser, newer than the first.").await;
    wait::until("both are found", async || {
        let found = alice.get("search?q=condenser&in=tickets").await.expect(200);
        let items = found["groups"][0]["items"].as_array().unwrap().clone();
        if items.len() < 2 {
            return None;
        }
        assert_eq!((items[0]["id"].as_str(), items[1]["id"].as_str()), (Some(best.as_str()), Some(other.as_str())), "{found}");
        assert!(items[0]["score"].as_f64() > items[1]["score"].as_f64());
        let snippet = items[0]["snippet"].as_str().unwrap();
        assert!(snippet.contains("<mark>condenser</mark>") && snippet.contains("&lt;"), "{snippet}");
        Some(())
    })
    .await;
}

fn tiny_png() -> Vec<u8> {
    hex::decode("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082")
        .unwrap()
}
