//! Priority from impact and urgency, and who may enter which.

use super::kinds::{Level, Priority};
use super::policy::PriorityEntry;
use super::refusal::Refusal;

/// Impact, urgency and priority as a caller gave them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weights {
    /// How much is hit.
    pub impact: Option<Level>,
    /// How soon it hurts.
    pub urgency: Option<Level>,
    /// Set outright.
    pub priority: Option<Priority>,
}

/// The matrix: both high is urgent; high and medium high; both low, or low and medium, low; else normal. A missing level gives normal.
pub fn matrix(impact: Option<Level>, urgency: Option<Level>) -> Priority {
    let (Some(impact), Some(urgency)) = (impact, urgency) else { return Priority::Normal };
    match (impact.min(urgency), impact.max(urgency)) {
        (Level::High, Level::High) => Priority::Urgent,
        (Level::Medium, Level::High) => Priority::High,
        (Level::Low, Level::Low | Level::Medium) => Priority::Low,
        _ => Priority::Normal,
    }
}

impl Weights {
    /// The priority that follows.
    pub fn priority(self) -> Priority {
        self.priority.unwrap_or_else(|| matrix(self.impact, self.urgency))
    }

    /// Refuses what the portal keeps from customers; agents may enter all.
    ///
    /// # Errors
    /// [`Refusal::Field`] `not_allowed` for the first field that is kept from the caller.
    pub fn check(self, entry: PriorityEntry, by_staff: bool) -> Result<(), Refusal> {
        const MESSAGE: &str = "Support sets this.";
        if by_staff {
            return Ok(());
        }
        let levels = entry != PriorityEntry::Agents;
        let outright = entry == PriorityEntry::Customer;
        if self.impact.is_some() && !levels {
            return Err(Refusal::field("impact", "not_allowed", MESSAGE));
        }
        if self.urgency.is_some() && !levels {
            return Err(Refusal::field("urgency", "not_allowed", MESSAGE));
        }
        if self.priority.is_some() && !outright {
            return Err(Refusal::field("priority", "not_allowed", MESSAGE));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_the_one_of_the_contract() {
        use Level::{High, Low, Medium};
        let table = [
            (High, High, Priority::Urgent),
            (High, Medium, Priority::High),
            (Medium, High, Priority::High),
            (Low, Low, Priority::Low),
            (Low, Medium, Priority::Low),
            (Medium, Low, Priority::Low),
            (Medium, Medium, Priority::Normal),
            (High, Low, Priority::Normal),
            (Low, High, Priority::Normal),
        ];
        for (impact, urgency, expected) in table {
            assert_eq!(matrix(Some(impact), Some(urgency)), expected, "{impact:?} × {urgency:?}");
        }
        assert_eq!(matrix(None, Some(High)), Priority::Normal);
    }

    #[test]
    fn a_field_that_the_policy_keeps_from_the_caller_is_refused() {
        let outright = Weights { priority: Some(Priority::Urgent), ..Weights::default() };
        let levels = Weights { impact: Some(Level::High), urgency: Some(Level::High), priority: None };
        assert!(outright.check(PriorityEntry::Customer, false).is_ok());
        assert!(outright.check(PriorityEntry::Matrix, false).is_err());
        assert!(outright.check(PriorityEntry::Agents, false).is_err());
        assert!(levels.check(PriorityEntry::Matrix, false).is_ok());
        assert!(levels.check(PriorityEntry::Agents, false).is_err());
        assert!(outright.check(PriorityEntry::Agents, true).is_ok());
    }
}
