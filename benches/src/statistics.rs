//! Percentiles and medians over exact samples.

/// Returns the smallest sample that at least `percent` of all samples do not exceed.
///
/// `sorted` must be in ascending order. No samples give no percentile.
pub(crate) fn percentile(sorted: &[u64], percent: f64) -> Option<u64> {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// Returns the middle value, or the mean of the two middle ones when their number is even.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some((values[values.len() / 2 - 1] + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_the_nearest_rank() {
        let sorted: Vec<u64> = (1..=200).collect();
        assert_eq!(percentile(&sorted, 50.0), Some(100));
        assert_eq!(percentile(&sorted, 99.0), Some(198));
        assert_eq!(percentile(&sorted, 100.0), Some(200));
        assert_eq!(percentile(&sorted, 0.0), Some(1));
    }

    #[test]
    fn percentile_of_few_samples_is_one_of_them() {
        assert_eq!(percentile(&[7], 50.0), Some(7));
        assert_eq!(percentile(&[7], 99.0), Some(7));
        assert_eq!(percentile(&[3, 9], 50.0), Some(3));
        assert_eq!(percentile(&[3, 9], 51.0), Some(9));
        assert_eq!(percentile(&[], 50.0), None);
    }

    #[test]
    fn median_of_an_odd_number_is_the_middle_value() {
        assert_eq!(median(vec![9.0, 1.0, 4.0]), Some(4.0));
        assert_eq!(median(vec![2.5]), Some(2.5));
    }

    #[test]
    fn median_of_an_even_number_is_the_mean_of_both_middle_values() {
        assert_eq!(median(vec![8.0, 1.0, 2.0, 4.0]), Some(3.0));
        assert_eq!(median(vec![]), None);
    }
}
