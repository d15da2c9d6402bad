//! What the services say of themselves on `/metrics`.

use std::time::Duration;

use crate::stack::World;

/// A process that does not answer within this time says nothing.
const PATIENCE: Duration = Duration::from_secs(5);

impl World {
    /// The sum of a metric's samples over these processes; one that does not answer adds nothing. `name` is the whole name, `…_total` for a
    /// counter. A counter begins again with its process.
    pub async fn metric(&self, processes: &[String], name: &str) -> f64 {
        let status = self.status();
        let mut sum = 0.0;
        for url in processes.iter().filter_map(|process| status["operations"][process.as_str()].as_str()) {
            let asked = self.guest("").http().get(format!("{url}/metrics")).timeout(PATIENCE).send().await;
            let Ok(answer) = asked else { continue };
            sum += total(&answer.text().await.unwrap_or_default(), name);
        }
        sum
    }

    /// The same over all processes.
    pub async fn metric_of_all(&self, name: &str) -> f64 {
        self.metric(&self.processes(), name).await
    }
}

/// Prometheus' text: `name{labels} value` or `name value` a line.
fn total(text: &str, name: &str) -> f64 {
    let samples = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = match rest.strip_prefix('{') {
            Some(labelled) => labelled.rsplit_once("} ")?.1,
            None => rest.strip_prefix(' ')?,
        };
        value.split(' ').next()?.parse::<f64>().ok()
    });
    samples.sum()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn samples_of_one_name_are_added_whatever_their_labels() {
        let text = "# HELP a_total A.\na_total{producer=\"x\"} 2\na_total{producer=\"y {z} \"} 3\na_total_more 7\nb 1.5\n";
        assert!((total(text, "a_total") - 5.0).abs() < f64::EPSILON);
        assert!((total(text, "b") - 1.5).abs() < f64::EPSILON);
        assert!(total(text, "a").abs() < f64::EPSILON);
    }
}
