"""The fine-tune service: jobs of tenants, judged and promotable models. Pretraining is the package inside."""
