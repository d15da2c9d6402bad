//! The same key answers the same status and bytes, and does nothing again (I02; that nothing is there twice is I01's).

use futures_util::{StreamExt, stream};
use reqwest::Method;

use super::{AT_ONCE, Scene};
use crate::history::{Kind, Operation};

/// Sends every acknowledged write of the load's people once more. Uploads have no key: what is staged twice is used once.
pub(super) async fn answer_the_same_bytes(scene: &Scene<'_>) {
    let kept =
        |operation: &&Operation| operation.outcome == Kind::Ok && operation.asked["sent"].is_object() && !scene.is_excused(operation);
    let operations: Vec<&Operation> = scene.history.operations.iter().filter(kept).collect();
    let looked = stream::iter(operations).for_each_concurrent(AT_ONCE, async |operation| {
        let Some(client) = scene.client(operation) else { return };
        let sent = &operation.asked["sent"];
        let text = |key: &str| sent[key].as_str().unwrap_or_default();
        let method: Method = text("method").parse().expect("a method");
        let request = client.request(method, text("path")).header("idempotency-key", &operation.key);
        let again = client.send(if sent["body"].is_null() { request } else { request.json(&sent["body"]) }).await;
        let first = operation.told["answer"].as_str().unwrap_or_default();
        assert_eq!(Some(u64::from(again.status)), operation.told["status"].as_u64(), "{} again, {} (I02)", operation.op, again.asked);
        assert_eq!(String::from_utf8_lossy(&again.bytes), first, "{} again, {} (I02)", operation.op, again.asked);
    });
    looked.await;
}
