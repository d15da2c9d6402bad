//! What the gateway shows of its requests, in the words of OpenTelemetry's HTTP conventions.

use std::time::Duration;

use axum::http::Method;
use chassis::telemetry::{self, Shed};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;

/// The instruments of all requests.
pub struct Measures {
    scheme: &'static str,
    durations: Histogram<f64>,
    shed: Shed,
}

impl Measures {
    /// For requests to this public address.
    pub fn new(public_url: &str) -> Self {
        let durations = telemetry::meter()
            .f64_histogram("http.server.request.duration")
            .with_unit("s")
            .with_description("How long requests took.")
            .with_boundaries(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0])
            .build();
        let scheme = if public_url.starts_with("https:") { "https" } else { "http" };
        Self { scheme, durations, shed: Shed::at("http") }
    }

    /// `http` or `https`, as the browser sees it.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Notes how long a request took. A stream counts until its first byte. A path that no route matches is no label.
    pub fn record(&self, method: &Method, route: Option<&str>, status: u16, took: Duration) {
        let mut labels = vec![
            KeyValue::new("http.request.method", known(method)),
            KeyValue::new("url.scheme", self.scheme),
            KeyValue::new("http.response.status_code", i64::from(status)),
        ];
        labels.extend(route.map(|route| KeyValue::new("http.route", route.to_owned())));
        if status >= 500 {
            labels.push(KeyValue::new("error.type", status.to_string()));
        }
        self.durations.record(took.as_secs_f64(), &labels);
    }

    /// Notes that a request was turned away because too much is in work.
    pub fn shed(&self) {
        self.shed.count();
    }
}

/// A method of HTTP's own; anything else is `_OTHER`: made-up methods must not become labels.
pub fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "_OTHER",
    }
}

/// The name of a request's span.
pub fn span_name(method: &Method, route: Option<&str>) -> String {
    let method = match known(method) {
        "_OTHER" => "HTTP",
        known => known,
    };
    route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_makes_up_is_no_label_and_no_name() {
        let made_up = Method::from_bytes(b"SECRET-7").unwrap();
        assert_eq!(known(&made_up), "_OTHER");
        assert_eq!(span_name(&made_up, None), "HTTP");
        assert_eq!(span_name(&Method::GET, Some("/desk/{portal}")), "GET /desk/{portal}");
    }

    #[test]
    fn the_scheme_is_that_of_the_public_address() {
        assert_eq!(Measures::new("https://help.example").scheme(), "https");
        assert_eq!(Measures::new("http://127.0.0.1:8080").scheme(), "http");
    }
}
