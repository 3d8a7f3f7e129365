"""What makes time pass?"""
