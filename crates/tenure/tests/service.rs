//! The example `service` answers as it says: over its routes in process, and once over a socket until it is stopped.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

#[path = "../examples/service.rs"]
#[expect(dead_code, reason = "a program has a main")]
mod service;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// A service over a file of its own.
async fn service() -> (Router, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let engine = service::open(&directory.path().join("shop.db")).await.unwrap();
    (service::routes(engine), directory)
}

async fn ask(routes: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = routes.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let body: Value =
        serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap();
    if status.is_success() {
        assert_eq!(kind, "application/json");
    } else {
        assert_eq!(kind, "application/problem+json");
        assert_eq!(body["status"], status.as_u16());
        assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
    }
    (status, body)
}

async fn view(routes: &Router, path: &str) -> (StatusCode, Value) {
    ask(routes, Request::get(path).body(Body::empty()).unwrap()).await
}

async fn post(routes: &Router, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post("/orders").header(header::CONTENT_TYPE, "application/json");
    ask(routes, request.body(body.into()).unwrap()).await
}

fn order(id: &str, at: &str) -> Value {
    json!({"id": id, "customer": "ann", "at": at, "total": "14.77", "currency": "USD"})
}

#[tokio::test]
async fn an_order_is_recorded_once_and_the_customer_stands_where_it_leads() {
    let (routes, directory) = service().await;
    let first = order("o-1", "2024-05-01T10:00:00Z").to_string();
    let (status, body) = post(&routes, first.clone()).await;
    assert_eq!((status, &body["position"]), (StatusCode::CREATED, &1.into()));
    assert_eq!(body["notices"][1]["changed"]["to"], "new");
    let (status, body) = post(&routes, first).await;
    assert_eq!((status, &body["position"], &body["notices"]), (StatusCode::OK, &1.into(), &json!([])));

    let (status, body) = view(&routes, "/customers/ann").await;
    assert_eq!(
        (status, &body["customer"], &body["stage"]),
        (StatusCode::OK, &"shop:ann".into(), &"new".into())
    );
    assert_eq!(body["rfm"]["monetary"], json!({"minor": 1477, "currency": "USD"}));
    assert_eq!(body["next_change"]["to"], "at_risk");
    assert_eq!(body["known_at"], Value::Null);

    // It was on disk when it was answered: another handle sees it.
    let again = service::open(&directory.path().join("shop.db")).await.unwrap();
    assert_eq!(again.checkpoint().position.0, 1);
}

#[tokio::test]
async fn a_late_order_lands_where_it_belongs_and_the_past_is_answered() {
    let (routes, _directory) = service().await;
    post(&routes, order("o-1", "2024-05-01T10:00:00Z").to_string()).await;
    let (status, body) = post(&routes, order("o-2", "2024-04-01T10:00:00Z").to_string()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert!(body["notices"].as_array().unwrap().iter().any(|notice| notice["changed"]["to"] == "active"));
    let (_, now) = view(&routes, "/customers/ann").await;
    assert_eq!(now["stage"], "active");
    let (status, then) = view(&routes, "/customers/ann?as_of=2024-04-15T00:00:00Z").await;
    assert_eq!((status, &then["stage"]), (StatusCode::OK, &"new".into()));
    assert_eq!(then["as_of"], "2024-04-15T00:00:00Z");
    let (status, later) = view(&routes, "/customers/ann?as_of=2025-12-31T00:00:00Z").await;
    assert_eq!((status, &later["stage"]), (StatusCode::OK, &"churned".into()));
}

#[tokio::test]
async fn what_is_wrong_is_said_with_the_right_status() {
    let (routes, _directory) = service().await;
    post(&routes, order("o-1", "2024-05-01T10:00:00Z").to_string()).await;
    let with = |field: &str, value: Value| {
        let mut order = order("o-9", "2024-05-01T10:00:00Z");
        order[field] = value;
        order.to_string()
    };
    for (body, status, said) in [
        ("{".to_owned(), 400, "EOF"),
        ("[]".to_owned(), 422, "Order"),
        (with("at", "yesterday".into()), 422, "at: "),
        (with("at", 17.into()), 422, "at: "),
        (with("total", "1,5".into()), 422, "1,5"),
        (with("total", json!(1.5)), 422, "total"),
        (with("total", "1.999".into()), 422, "1.999"),
        (with("currency", "usd".into()), 422, "usd"),
        (with("customer", "ann@example.org".into()), 422, "e-mail"),
        (with("colour", "red".into()), 422, "colour"),
        (with("customer", "x".repeat(70_000).into()), 413, "limit"),
        // The id is taken by another order.
        (order("o-1", "2024-06-01T10:00:00Z").to_string(), 409, "taken"),
    ] {
        let (got, problem) = post(&routes, body.clone()).await;
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(got.as_u16(), status, "{body:.80}: {detail}");
        assert!(detail.contains(said), "{body:.80}: {detail}");
    }
    let without_kind = Request::post("/orders").body(Body::from("{}")).unwrap();
    assert_eq!(ask(&routes, without_kind).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);

    for (path, status, said) in [
        ("/customers/ben", 404, "no facts are known of customer shop:ben"),
        ("/customers/ann?as_of=2024-04-30T00:00:00Z", 404, "as of 2024-04-30"),
        ("/customers/ann?as_of=yesterday", 400, "yesterday"),
        ("/customers/ann?as_of=2024-02-30T00:00:00Z", 400, "2024-02-30"),
        ("/customers/ann?as_of=2024-05-01", 400, "2024-05-01"),
        ("/customers/ann?asof=2024-05-01T00:00:00Z", 400, "asof"),
        ("/customers/ann%40example.org", 400, "e-mail"),
        ("/customers/%ff", 400, "UTF-8"),
        ("/customer/ann", 404, "nothing here"),
        ("/orders", 405, "cannot"),
    ] {
        let (got, problem) = view(&routes, path).await;
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(got.as_u16(), status, "{path}: {detail}");
        assert!(detail.contains(said), "{path}: {detail}");
    }
    // Nothing of it was stored.
    let (_, ann) = view(&routes, "/customers/ann").await;
    assert_eq!(ann["rfm"]["frequency"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_over_a_socket_and_stops_when_it_is_told_to() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    let directory = tempfile::tempdir().unwrap();
    let engine = service::open(&directory.path().join("shop.db")).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let ended = async move { stopped.await.unwrap_or_default() };
    let serving = tokio::spawn(service::serve(listener, engine, ended));

    let body = order("o-1", "2024-05-01T10:00:00Z").to_string();
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: shop\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut client = TcpStream::connect(address).await.unwrap();
    // It says that it waits for the body; told to stop in the middle of that request, it answers it first.
    client.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    client.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stop.send(()).unwrap();
    client.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());

    // Everything was on disk.
    let again = service::open(&directory.path().join("shop.db")).await.unwrap();
    assert_eq!(again.checkpoint().position.0, 1);
}
